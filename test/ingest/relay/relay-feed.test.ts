import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { metaintOf, RelayFeed } from "../../../ingest/relay/relay-feed.ts";
import { relayTitleMs, relayTitles } from "../../../ingest/station-limits.ts";
import { encodeMetadataBlock, IcyInterleaver } from "../../../shared/icy.ts";
import { mountPath } from "../../../shared/mount-path.ts";

const metaint = 10;
const audio = Uint8Array.from({ length: 95 }, (_, index) => index);
/** A server's stream with a title from byte 0 and another from byte 40; the second is repeated. */
const stream = new IcyInterleaver(metaint).push(audio, [
  { offset: 0, block: encodeMetadataBlock({ text: "one" }) },
  { offset: 40, block: encodeMetadataBlock({ text: "two", url: "http://a/" }) },
]);

/** What the session gets: bytes, and titles with the number of bytes before them. */
function open(titles = true) {
  const got: number[] = [];
  const seen: string[] = [];
  const relay = new RelayFeed({
    session: {
      mount: mountPath("/a"),
      push: (part) => {
        got.push(...part);
        return 0;
      },
      setTitle: ({ text, url }) =>
        void seen.push(`${got.length} ${text}${url === undefined ? "" : ` ${url}`}`),
      end: () => Promise.resolve(),
    },
    metaint,
    titles,
    onEnd: () => undefined,
  });
  return { push: (chunk: Uint8Array) => relay.push(chunk), got, seen };
}

function feed(chunks: readonly Uint8Array[], titles = true) {
  const { push, got, seen } = open(titles);
  for (const chunk of chunks) push(chunk);
  return { got, seen };
}

test("audio comes without its blocks, each title where it stood, however the stream was cut", () => {
  const whole = feed([stream]);
  expect(whole).toEqual({ got: [...audio], seen: ["10 one", "40 two http://a/"] });
  expect(feed(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      expect(feed(at.slice(1).map((end, index) => stream.subarray(at[index], end)))).toEqual(whole);
    }),
  );
});

test("titles that are not wanted go, and the audio stays", () => {
  expect(feed([stream], false)).toEqual({ got: [...audio], seen: [] });
});

test("an empty title before any other sets none", () => {
  const silent = new IcyInterleaver(metaint).push(audio, []);
  expect(feed([silent]).seen).toEqual([]);
});

test("of a flood of titles some are set, and the newest in the end", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const flood = (count: number, name: string) =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) => [
        audio.subarray(0, metaint),
        encodeMetadataBlock({ text: `${name} ${index}` }),
      ]).flat(),
    );
  const { push, seen } = open();
  push(flood(10_000, "first"));
  expect(seen).toHaveLength(relayTitles);
  vi.advanceTimersByTime(relayTitleMs);
  push(audio.subarray(0, 1));
  expect(seen).toHaveLength(relayTitles + 1);
  expect(seen.at(-1)).toContain("first 9999");
  vi.useRealTimers();
});

test("the interval is a number or none", () => {
  expect([metaintOf(undefined), metaintOf("0"), metaintOf("16000")]).toEqual([0, 0, 16_000]);
  for (const value of ["-1", "1e3", "x", "999999999"])
    expect(() => metaintOf(value), value).toThrow("icy-metaint");
});
