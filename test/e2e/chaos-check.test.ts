import { createServer } from "node:http";
import { expect, it } from "vitest";
import { encodeMetadataBlock, IcyInterleaver } from "../../shared/icy.ts";
import { ChaosListener } from "../support/chaos/chaos-listener.ts";
import { stampedFrame } from "../support/chaos/stamped-frame.ts";
import { TitleBook } from "../support/chaos/title-book.ts";
import { waitFor } from "../support/wait.ts";

/** That what the chaos suite counts can be counted at all. */
const frame = (number: number) => stampedFrame(1, number, number === 0);
const frames = (...numbers: readonly number[]) => numbers.map(frame);
const flipped = frame(2);
flipped[200] = (flipped[200] ?? 0) ^ 1;
const none = { damaged: 0, lost: 0, repeated: 0, dropped: 1 };

it.each([
  { what: "nothing", sent: frames(0, 1, 2, 3), expected: { ...none, sourceFrames: 4 } },
  { what: "a bit", sent: [...frames(0, 1), flipped, frame(3)], expected: { damaged: 2, sourceFrames: 3 } },
  { what: "frames left out", sent: frames(0, 1, 4, 5), expected: { lost: 2, damaged: 1 } },
  { what: "a frame again", sent: frames(0, 1, 2, 2, 3), expected: { repeated: 1, lost: 0 } },
  {
    what: "half a frame",
    sent: [frame(0), frame(1).subarray(0, 300), ...frames(2, 3, 4, 5, 6)],
    expected: { damaged: 2 },
  },
  {
    what: "the metadata counter",
    sent: frames(...Array(60).keys()),
    icyOff: 1,
    expected: { sourceFrames: 0 },
  },
])("a listener sees what is wrong: $what", async ({ sent, expected, icyOff }) => {
  const bytes = Buffer.concat(sent);
  const reply =
    icyOff === undefined
      ? { body: bytes }
      : { metaint: 100, body: new IcyInterleaver(100).push(bytes, []).subarray(icyOff) };
  const listener = await heardOf({ ...reply, titles: new TitleBook() });
  expect(listener).toMatchObject(expected);
  if (icyOff !== undefined) expect(listener.damaged).toBeGreaterThan(0);
});

/** A title block falls due within eleven frames. */
const metaint = 4_000;
const block = (number: number) => encodeMetadataBlock({ text: TitleBook.text(1, number) });
const frameBytes = frame(0).length;

it.each([
  { what: "one where the stream skips to it", from: 0, toldAt: 300, wrong: 0 },
  { what: "one that comes a block too late", from: 0, toldAt: 312, wrong: 1 },
  { what: "one that never comes", from: 0, toldAt: undefined, wrong: 1 },
  { what: "none in the first block of a listener that joins", from: 1, toldAt: 300, wrong: 1 },
])("a listener judges titles from the block on that could tell it: $what", async (form) => {
  const titles = new TitleBook();
  titles.began(1, 0);
  titles.set(1, 0);
  titles.set(1, 200);
  // Frames 0 to 149, then 300 to 399 with the title that was set in between.
  const numbers = [...Array(150).keys(), ...Array.from({ length: 100 }, (_, index) => 300 + index)];
  const marks = [
    { offset: form.from === 0 ? 0 : 150 * frameBytes, block: form.from === 0 ? block(0) : block(200) },
    ...(form.toldAt === undefined
      ? []
      : [{ offset: numbers.indexOf(form.toldAt) * frameBytes, block: block(200) }]),
  ];
  const body = new IcyInterleaver(metaint).push(Buffer.concat(frames(...numbers)), marks);
  expect((await heardOf({ metaint, body, titles })).titlesWrong).toBe(form.wrong);
});

/** A listener that has heard all of a reply. */
async function heardOf(reply: {
  readonly metaint?: number;
  readonly body: Uint8Array;
  readonly titles: TitleBook;
}): Promise<ChaosListener> {
  const { metaint: interval, body, titles } = reply;
  const headers = interval === undefined ? {} : { "icy-metaint": String(interval) };
  const server = createServer((_, response) => response.writeHead(200, headers).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const url = `http://127.0.0.1:${port}/`;
  const listener = new ChaosListener({ url, icy: interval !== undefined, titles });
  try {
    await waitFor("the stream to end", () => listener.dropped > 0);
    return listener;
  } finally {
    listener.close();
    server.close();
  }
}

it("titles are held against the frames they belong to", () => {
  const book = new TitleBook();
  book.began(1, 0);
  book.set(1, 0);
  book.set(1, 200);
  const wrong = (text: string, number: number) => book.isWrong(text, 1, number);
  expect(wrong(TitleBook.text(1, 0), 150), "the one before, still in force").toBe(false);
  expect(wrong(TitleBook.text(1, 200), 210), "a new one at its place").toBe(false);
  expect(wrong(TitleBook.text(1, 0), 300), "one that should have gone").toBe(true);
  expect(wrong(TitleBook.text(1, 200), 100), "one that is too early").toBe(true);
  expect(wrong(TitleBook.text(2, 0), 300), "another source's").toBe(true);
  expect(wrong("", 300), "none").toBe(true);
});
