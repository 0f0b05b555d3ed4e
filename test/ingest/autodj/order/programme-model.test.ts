import fc from "fast-check";
import { expect, test } from "vitest";
import { Programme, type ProgrammeSettings } from "../../../../ingest/autodj/order/programme.ts";
import { millis } from "../../../../shared/units.ts";
import { seeded } from "../../../support/seeded.ts";
import { ProgrammeModel } from "./programme-model.ts";
import { minute } from "./settings.ts";

const ids = Array.from({ length: 12 }, (_, i) => `file:/m/${String.fromCharCode(97 + i)}.mp3`);
const id = fc.constantFrom(...ids);
const order = fc.constantFrom("random" as const, "sequential" as const);
const zone = fc.constantFrom("Europe/Berlin", "America/New_York", "Asia/Seoul");
const slots = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  fc.array(
    fc.record({
      days: fc.constantFrom([1, 2, 3, 4, 5, 6, 7], [6, 7], [1]),
      from: fc.integer({ min: 0, max: 1439 }),
      to: fc.integer({ min: 0, max: 1439 }),
      timeZone: zone,
    }),
    { minLength: 1, maxLength: 2 },
  ),
);
const rotation = fc.record({
  order,
  slots,
  memory: fc.integer({ min: 0, max: 12 }),
  weight: fc.integer({ min: 1, max: 5 }),
});
const jingle = fc.record(
  {
    order,
    slots,
    everyTracks: fc.integer({ min: 1, max: 5 }),
    everyMs: fc.integer({ min: 1, max: 40 }).map((minutes) => minutes * minute),
  },
  { requiredKeys: ["order", "slots"] },
);
const settings: fc.Arbitrary<ProgrammeSettings> = fc.record({
  rotations: fc
    .array(rotation, { minLength: 1, maxLength: 3 })
    .map((all) => all.map((each, index) => ({ ...each, name: `rotation ${index + 1}` }))),
  jingles: fc.array(jingle, { maxLength: 2 }),
});

type Step =
  | { readonly do: "next"; readonly times: number; readonly lengthMs: number }
  | { readonly do: "files"; readonly list: number; readonly ids: readonly string[] }
  | { readonly do: "enqueue" | "remove" | "refuse" | "allow"; readonly id: string }
  | { readonly do: "clear" | "restart" };
const lengthMs = fc.oneof(fc.integer({ min: 1, max: 10 * minute }), fc.constant(5 * 60 * minute));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("next" as const),
      times: fc.integer({ min: 1, max: 15 }),
      lengthMs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("files" as const),
      list: fc.nat({ max: 4 }),
      // Some are listed twice.
      ids: fc.oneof(fc.shuffledSubarray(ids), fc.array(id, { maxLength: 12 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("enqueue" as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("remove", "refuse", "allow"), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("clear", "restart") }) },
);

const never = () => {
  throw new Error("a state has its own random numbers");
};

/** The same files and refusals, from a state as it is kept. */
function resumed(all: ProgrammeSettings, programme: Programme, model: ProgrammeModel): Programme {
  const twin = new Programme(all, never, JSON.parse(JSON.stringify(programme.state)));
  for (const refused of model.refused) twin.refuse(refused);
  // Rotations are read in any order.
  for (const [name, files] of [...model.files].toReversed()) twin.setFiles(name, files);
  return twin;
}

/** Near the changes of the clocks of Berlin and New York as well. */
const moment = fc
  .tuple(
    fc.constantFrom(Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1), Date.UTC(2026, 10, 1, 6)),
    fc.integer({ min: -36, max: 36 }),
  )
  .map(([change, hours]) => change + hours * 60 * minute);

test("whatever happens to files and requests, each pick is right, was told, and is the same after a restart", () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(settings, fc.nat(), moment, steps, (all, seed, startMs, todo) => {
      const model = new ProgrammeModel(all);
      let programme = new Programme(all, seeded(seed));
      const names = [...all.rotations.map(({ name }) => name), ...programme.jingleNames];
      const setFiles = (name: string, files: readonly string[]) => {
        programme.setFiles(name, files);
        model.setFiles(name, files);
      };
      for (const [index, name] of names.entries()) setFiles(name, ids.slice(index, index + 8));
      let now = startMs;
      for (const each of todo) {
        if (each.do === "next") {
          const told = programme.peek(millis(now), each.times, () => each.lengthMs);
          const twin = resumed(all, programme, model);
          for (let i = 0; i < each.times; i++) {
            const pick = programme.next(millis(now));
            expect(pick).toEqual(told[i] ?? null);
            expect(twin.next(millis(now))).toEqual(pick);
            model.check(pick, now);
            if (pick === null) break;
            now += each.lengthMs;
          }
          expect(twin.state).toEqual(programme.state);
          now += each.lengthMs;
        } else if (each.do === "files") {
          setFiles(names[each.list % names.length] ?? "", each.ids);
        } else if (each.do === "enqueue") {
          programme.enqueue(each.id);
          model.enqueue(each.id);
        } else if (each.do === "remove") {
          programme.removeFromQueue(each.id);
          model.queue = model.queue.filter((other) => other !== each.id);
        } else if (each.do === "refuse") {
          programme.refuse(each.id);
          model.refuse(each.id);
        } else if (each.do === "allow") {
          programme.allow(each.id);
          model.allow(each.id);
        } else if (each.do === "clear") {
          programme.clear();
          model.queue = [];
        } else {
          programme = resumed(all, programme, model);
        }
        expect(programme.queue).toEqual(model.queue);
      }
    }),
    { numRuns: 400 },
  );
});

test("in every cycle of the weights, each rotation comes as often as it weighs, whatever came before", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  const without = fc.nat({ max: 3 });
  fc.assert(
    fc.property(weights, without, fc.nat({ max: 30 }), fc.nat(), (all, gone, before, seed) => {
      const rotations = all.map((weight, index) => ({
        name: `${index}`,
        order: "random" as const,
        memory: 5,
        slots: [],
        weight,
      }));
      const programme = new Programme({ rotations, jingles: [] }, seeded(seed));
      for (const { name } of rotations) programme.setFiles(name, ids);
      for (let i = 0; i < before; i++) programme.next(millis(0));
      if (gone < all.length) programme.setFiles(`${gone}`, []);
      const left = rotations.filter((_, index) => index !== gone);
      const cycle = left.reduce((sum, { weight }) => sum + weight, 0);
      for (let round = 0; round < 3; round++) {
        const came = Array.from({ length: cycle }, () => programme.next(millis(0))?.rotation);
        for (const { name, weight } of left)
          expect(came.filter((each) => each === name)).toHaveLength(weight);
      }
    }),
    { numRuns: 100 },
  );
});
