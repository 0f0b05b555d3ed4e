import { test } from "vitest";
import { millis } from "../../../../shared/units.ts";
import { ids, jingle, minute, programmeOf, rotation } from "./settings.ts";

/**
 * What a pick costs in a library of 100,000 files: a millisecond at most, though a thousand are remembered. It must not
 * depend on how many files there are, but where they change.
 */
const library = ids("music", 100_000);
const oneLess = library.slice(1);

// oxlint-disable-next-line vitest/expect-expect -- it measures, and asserts nothing about time
test("a programme of 100,000 files", { timeout: 120_000 }, async ({ bench }) => {
  const settings = (order: "random" | "sequential", memory: number) => ({
    rotations: [rotation("music", { order, memory })],
    jingles: [jingle({ everyTracks: 4 })],
  });
  const files = { music: library, "jingle 1": ["jingle"] };
  const usual = programmeOf(settings("random", 50), files);
  const long = programmeOf(settings("random", 1000), files);
  const small = programmeOf(settings("random", 1000), { music: ids("music", 1500) });
  const inOrder = programmeOf(settings("sequential", 0), files);
  const changing = programmeOf(settings("random", 50), files);
  const refusing = programmeOf(settings("random", 50), files);
  for (let i = 0; i < 1500; i++) for (const each of [usual, long, small]) each.next(millis(i * minute));
  let turn = 0;
  await bench.compare(
    bench("next, memory of 50", () => void usual.next(millis(0))),
    bench("next, memory of 1,000", () => void long.next(millis(0))),
    bench("next, memory of 1,000 of 1,500 files", () => void small.next(millis(0))),
    bench("next, in order", () => void inOrder.next(millis(0))),
    bench("peek ten ahead, memory of 50", () => void usual.peek(millis(0), 10)),
    bench("a file comes or goes, and next", () => {
      changing.setFiles("music", turn++ % 2 === 0 ? oneLess : library);
      changing.next(millis(0));
    }),
    bench("the same files again", () => inOrder.setFiles("music", library)),
    bench("a file is refused, and next", () => {
      refusing.refuse(library[turn++ % 50_000] ?? "");
      refusing.next(millis(0));
    }),
    bench("read for the first time", () => void programmeOf(settings("random", 50), files)),
  );
});
