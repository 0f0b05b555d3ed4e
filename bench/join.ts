import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CheckedListener } from "../test/support/checked-listener.ts";
import { FrameList } from "../test/support/frame-check.ts";
import { seeded, testSeed } from "../test/support/seeded.ts";
import { startStack } from "../test/support/stack.ts";
import { framesOf, streamMp3 } from "../test/support/stream-mp3.ts";

/**
 * `npm run bench:join`: how far behind live listeners begin, when their first byte comes, and how much audio they
 * have in hand at the worst moment, at the default burst. One source in real time at 128 kb/s.
 */
const joins = 100;
const listenMs = 9_000;
const fixture = join(import.meta.dirname, "..", "test", "fixtures", "cbr128-joint44.mp3");
const mount = "/join.mp3";

const stack = await startStack();
const frames = framesOf(fixture);
const list = new FrameList(frames);
const random = seeded(testSeed);
const frame = { samples: frames[0]?.samples ?? 0, sampleRate: frames[0]?.format.sampleRate ?? 0 };
const frameMs = (frame.samples * 1000) / frame.sampleRate;
try {
  const source = await streamMp3(stack.ingestPort, mount, fixture, { password: stack.password, loop: true });
  await sleep(15_000);
  const behindMs: number[] = [];
  const firstByteMs: number[] = [];
  const leastInHandMs: number[] = [];
  const problems: string[] = [];
  const one = async (): Promise<void> => {
    const openedAt = Date.now();
    const listener = new CheckedListener(stack.edgeUrl + mount, { list, frame, icy: true });
    while (listener.check.first < 0 && !listener.ended) await sleep(2);
    // Frames the source had sent when the listener's first one came, less that one.
    behindMs.push(
      ((source.sent.length - listener.check.first + list.frames.length) % list.frames.length) * frameMs,
    );
    firstByteMs.push(listener.firstByteMs - openedAt);
    await sleep(listenMs);
    problems.push(...listener.close());
    leastInHandMs.push(listener.leastInHandMs);
  };
  const all: Promise<void>[] = [];
  for (let count = 0; count < joins; count++) {
    await sleep(random() * 400);
    all.push(one());
  }
  await Promise.all(all);
  const row = (name: string, values: readonly number[]): string => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number): string =>
      (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(0);
    return `${name.padEnd(34)} least ${at(0).padStart(6)}  p50 ${at(0.5).padStart(6)}  p99 ${at(0.99).padStart(6)}  most ${at(1).padStart(6)}`;
  };
  console.log(`${joins} joins at random moments, ms (seed ${testSeed}), ${problems.length} problems`);
  console.log(row("behind live at the first frame", behindMs));
  console.log(row("first byte", firstByteMs));
  console.log(row("least in hand, player at +0.5 s", leastInHandMs));
  source.destroy();
} finally {
  await stack.stop();
}
