import { describe, expect, it } from "vitest";
import { HlsPlayer, type HlsStage, titleAtStart } from "../../shared/hls-player.ts";
import { append, emptyTimeline, type HlsTimeline } from "../../shared/hls-timeline.ts";
import type { MountPhase } from "../../shared/mount-state.ts";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

const startMs = 1_790_000_000_000;
const segmentMs = 2_000;
const rule = { returns: true, mustReturn: false };

const ref = (number: number, at = 1): SegmentRef => ({
  epoch: epoch(at),
  sequence: sequence(number),
  startMs: millis(startMs + number * segmentMs),
  firstSample: sampleCount(number * 88_200),
  samples: sampleCount(88_200),
  sampleRate: 44_100,
  bytes: 32_000,
  titles: [],
});

/** A mount whose segments come when a test says. */
class Mount implements HlsStage {
  readonly name: string;
  readonly titleBefore = null;
  readonly patienceMs = 20_000;
  phase: MountPhase = "live";
  window: SegmentRef[] = [];
  edgeAgeMs = 0;
  silentMs = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** Plays for a while in steps of 200 ms; `each` happens before every step. */
function play(
  stages: readonly Mount[],
  forMs: number,
  each: (atMs: number) => void,
  before: HlsTimeline = emptyTimeline(2),
): { readonly heard: string[]; readonly silentAtMs: number[] } {
  const player = new HlsPlayer({ rules: stages.map(() => rule), first: 0 }, 2, startMs);
  const heard: string[] = [];
  const silentAtMs: number[] = [];
  for (let atMs = 0; atMs <= forMs; atMs += 200) {
    each(atMs);
    const now = startMs + atMs;
    for (let isBusy = true; isBusy; ) {
      const decision = player.next(now, stages, before, 10_000);
      isBusy = decision.kind === "begin" || decision.kind === "play" || decision.kind === "silence";
      if (decision.kind === "begin") heard.push(...decision.segments.map(nameOf(stages[decision.stage])));
      else if (decision.kind === "play") {
        heard.push(nameOf(stages[decision.stage])(decision.segment));
        player.sent(decision, now);
      } else if (decision.kind === "silence") {
        heard.push("silence");
        silentAtMs.push(atMs);
        player.sentSilence(decision.ms, now);
      } else if (decision.kind === "end") heard.push("end");
    }
  }
  return { heard, silentAtMs };
}

const nameOf =
  (stage: Mount | undefined) =>
  ({ epoch: at, sequence: number }: SegmentRef): string =>
    `${stage?.name}${at}-${number}`;

/** A source in real time: the mount has a segment more every two seconds. */
const onAir =
  (mount: Mount, from = 0, until = Number.POSITIVE_INFINITY, at = 1) =>
  (atMs: number): void => {
    if (atMs % segmentMs === 0 && atMs >= from && atMs < until) {
      mount.window = [...mount.window, ref(mount.window.filter((each) => each.epoch === at).length, at)];
    }
  };

describe("the player that plays for all HLS listeners of a mount", () => {
  it("begins with what the mount has, as much as a playlist shows, and goes on with every segment once", () => {
    const mount = new Mount("a");
    mount.window = Array.from({ length: 20 }, (_, number) => ref(number));
    const { heard } = play([mount], 6_000, onAir(mount, 1));
    expect(heard).toEqual(["a1-15", "a1-16", "a1-17", "a1-18", "a1-19", "a1-20", "a1-21", "a1-22"]);
  });

  it("repeats nothing that is written down when it is started anew", () => {
    const mount = new Mount("a");
    mount.window = Array.from({ length: 5 }, (_, number) => ref(number));
    const content = { kind: "segment" as const, stage: "a", ref: ref(2), primerSamples: 0 };
    const entry = { content, durationMs: durationMs(ref(2)), title: null };
    const before = append(emptyTimeline(2), entry, startMs, { keptMs: 60_000, entries: 100 });
    expect(play([mount], 0, () => undefined, before).heard).toEqual(["a1-3", "a1-4"]);
  });

  it("plays silence in real time when a segment is half a target late, and the segment when it comes", () => {
    const mount = new Mount("a");
    const source = onAir(mount, 0, 6_000);
    const back = onAir(mount, 16_000, 22_000, 2);
    const { heard, silentAtMs } = play([mount], 20_000, (atMs) => {
      source(atMs);
      back(atMs);
    });
    // The last came at 4 s and lasts until 6 s.
    expect(silentAtMs).toEqual([7_000, 9_000, 11_000, 13_000, 15_000]);
    expect(heard).toEqual([
      "a1-0",
      "a1-1",
      "a1-2",
      ...silentAtMs.map(() => "silence"),
      "a2-0",
      "a2-1",
      "a2-2",
    ]);
  });

  it("never plays silence for a source whose segments come up to half a target late, for hours", () => {
    const mount = new Mount("a");
    let number = 0;
    const { silentAtMs } = play([mount], 3 * 3_600_000, (atMs) => {
      const lateMs = (number % 5) * 200;
      // Its clock is slow by one in a thousand as well.
      if (atMs < number * segmentMs * 1.001 + lateMs) return;
      mount.window = [...mount.window.slice(-10), ref(number++)];
    });
    expect(silentAtMs).toEqual([]);
  });

  it("ends only when nothing is left to play", () => {
    const [mount, other] = [new Mount("a"), new Mount("b")];
    const { heard } = play([mount, other], 20_000, (atMs) => {
      onAir(mount, 0, 4_000)(atMs);
      onAir(other)(atMs);
      if (atMs === 6_000) mount.phase = "off";
      if (atMs === 14_000) other.phase = "off";
    });
    expect(heard.slice(0, 2)).toEqual(["a1-0", "a1-1"]);
    expect(heard.filter((name) => name.startsWith("b")).length).toBeGreaterThan(2);
    expect(heard.at(-1)).toBe("end");
    expect(heard.indexOf("end")).toBeGreaterThan(heard.findLastIndex((name) => name.startsWith("b")));
  });
});

describe("the title of a segment", () => {
  const titled = (number: number, atSample: number, text: string): SegmentRef => ({
    ...ref(number),
    titles: [{ atSample: sampleCount(atSample), text }],
  });

  it("is the one that most of it is about", () => {
    const window = [
      titled(0, 0, "one"),
      ref(1),
      titled(2, 80_000, "two"),
      ref(3),
      titled(4, 44_100, "three"),
    ];
    const stage = { window, titleBefore: { text: "before" } };
    expect(window.map((segment) => titleAtStart(stage, segment)?.text)).toEqual([
      "one",
      "one",
      "one",
      "two",
      "three",
    ]);
    expect(titleAtStart({ ...stage, window: [ref(0)] }, ref(0))).toEqual({ text: "before" });
  });
});
