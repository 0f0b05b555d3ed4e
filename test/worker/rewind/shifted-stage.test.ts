import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { onAirAt } from "../../../shared/on-air.ts";
import { Playout } from "../../../shared/playout.ts";
import type { Shift } from "../../../shared/rewind-timeline.ts";
import { comparePosition, durationMs, type SegmentRef } from "../../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../../shared/units.ts";
import type { ArchivedSegment } from "../../../worker/archive/archived-segment.ts";
import type { Host, MountFeed } from "../../../worker/mount-feed.ts";
import { Past } from "../../../worker/rewind/past.ts";
import { ShiftedStage } from "../../../worker/rewind/shifted-stage.ts";
import { silenceStage } from "../../../worker/silence-stage.ts";
import { Bell, Sleeper, Sleepers } from "../../../worker/sleepers.ts";

const segmentMs = 2_000;
/** How late the archive is told. */
const toldAfterMs = 10_000;
const windowMs = 60_000;

/** A station whose source sent, and sends, in whole segments; on the simulator's clock, wall clock and all. */
class SimulatedMount {
  now = 0;
  /** When the archive does not answer. */
  away: readonly [fromMs: number, untilMs: number] = [0, 0];
  asked = 0;
  readonly all: ArchivedSegment[] = [];
  readonly feed: MountFeed;

  constructor(spans: readonly (readonly [fromMs: number, toMs: number])[]) {
    for (const [index, [fromMs, toMs]] of spans.entries()) {
      for (let at = 0; fromMs + (at + 1) * segmentMs <= toMs; at++) {
        this.all.push(segment(index + 1, at, fromMs + at * segmentMs));
      }
    }
    // A mount that was off the air begins anew.
    const window = (): SegmentRef[] => {
      const all = this.isOff ? [] : this.stored(0);
      const from = all.findLastIndex((one, at) => one.startMs - endOf(all[at - 1] ?? one) > 15_000);
      return all.slice(Math.max(0, from)).filter((one) => endOf(one) > this.now - windowMs);
    };
    const edgeAgeMs = (): number => this.now - endOf(this.stored(0).at(-1));
    const phase = (): string => (this.isOff ? "off" : "live");
    this.feed = {
      mount: "/live.mp3",
      bell: new Bell(),
      isCertain: true,
      titleBefore: null,
      get window() {
        return window();
      },
      get phase() {
        return phase();
      },
      get edgeAgeMs() {
        return edgeAgeMs();
      },
      silentMs: 0,
      patienceMs: 20_000,
      refresh: () => Promise.resolve(),
      attend: () => Number.POSITIVE_INFINITY,
      segment: () => Promise.resolve(null),
    } as unknown as MountFeed;
  }

  /** Fifteen seconds after its last sample. */
  get isOff(): boolean {
    return this.now > endOf(this.stored(0).at(-1)) + 15_000;
  }

  stored(lateMs: number): ArchivedSegment[] {
    return this.all.filter((one) => endOf(one) + lateMs <= this.now);
  }

  #kept(): ArchivedSegment[] {
    this.asked++;
    if (this.now >= this.away[0] && this.now < this.away[1]) throw new Error("the archive is away");
    return this.stored(toldAfterMs);
  }

  readonly past = (): Past =>
    new Past(this.feed, {
      pieceAt: async (_, atMs) => onAirAt(this.#kept(), atMs),
      pieceAfter: async (_, last) => this.#kept().find((one) => comparePosition(one, last) > 0) ?? null,
      async *pieces() {},
      broadcasts: () => Promise.resolve({ broadcasts: [], cursor: null }),
      earliestMs: () => Promise.resolve(this.all[0]?.startMs ?? null),
      load: () => Promise.resolve(null),
    });

  readonly from = () => ({ feed: this.feed, past: this.past(), leadMs: 4_000, now: () => this.now });
}

const endOf = (one: SegmentRef | undefined): number => (one ? one.startMs + durationMs(one) : 0);

function segment(inEpoch: number, number: number, startMs: number): ArchivedSegment {
  return {
    epoch: epoch(inEpoch),
    sequence: sequence(number),
    startMs: millis(startMs),
    firstSample: sampleCount(number * segmentMs * 8),
    samples: sampleCount(segmentMs * 8),
    sampleRate: 8_000,
    bytes: segmentMs,
    titles: [],
    stored: { key: "", offset: 0, isChunk: false, lead: 0 },
  };
}

const host = { keepAlive: (work: Promise<unknown>) => void work } as unknown as Host;

/** What a player hears: from when to when, of which segment (null: silence) from where in it. */
interface Sound {
  readonly fromMs: number;
  readonly segment: SegmentRef | null;
  readonly offsetMs: number;
  readonly ms: number;
}

/** Listens for some time; the player plays everything as soon as it can. */
async function hear(
  mount: SimulatedMount,
  stage: ShiftedStage,
  from: { segment: SegmentRef; offsetMs: number } | null,
  forMs: number,
): Promise<{ sounds: Sound[]; ended: boolean }> {
  const stages = delays.has(stage) ? [stage, silenceStage] : [stage];
  const rules = stages.map(() => ({ returns: true, mustReturn: false }));
  const wish = { behindMs: 4_000, leastBytes: 0, intro: [], from };
  const playout = new Playout(rules, 0, wish, mount.now);
  const sounds: Sound[] = [];
  let playedMs = mount.now;
  const play = (ms: number, of: SegmentRef | null, offsetMs = 0): void => {
    const fromMs = Math.max(playedMs, mount.now);
    if (ms > 0) sounds.push({ fromMs, segment: of, offsetMs, ms });
    playedMs = fromMs + ms;
  };
  for (const untilMs = mount.now + forMs; mount.now < untilMs; ) {
    const decision = playout.next(mount.now, stages);
    switch (decision.kind) {
      case "play": {
        const ms = durationMs(decision.segment) - decision.offsetMs;
        play(decision.padMs, null);
        play(ms, decision.segment, decision.offsetMs);
        playout.sent(decision, ms + decision.padMs, 1, mount.now);
        void stage.segment(decision.segment, host);
        break;
      }
      case "silence":
        play(decision.ms, null);
        playout.sentSilence(decision.ms, mount.now);
        break;
      case "wait":
        mount.now += Math.min(decision.ms, stage.attend(host), 100);
        await settle();
        break;
      default:
        return { sounds, ended: true };
    }
  }
  return { sounds, ended: false };
}

const delays = new WeakSet<ShiftedStage>();
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
};

async function rewound(mount: SimulatedMount, atMs: number) {
  const place = await mount.past().placeAt(atMs, host);
  if (!place) throw new Error("nothing was on air");
  return { stage: ShiftedStage.rewound(place, null, mount.from()), place };
}

async function delayed(mount: SimulatedMount, delayMs: number) {
  const shift: Shift = { kind: "delay", delayMs };
  const stage = new ShiftedStage(shift, mount.from());
  delays.add(stage);
  await stage.refresh(host);
  return stage;
}

const played = (sounds: readonly Sound[]): SegmentRef[] =>
  sounds.flatMap(({ segment: of }) => (of ? [of] : []));

beforeEach(() => {
  vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
  vi.spyOn(console, "warn").mockReturnValue();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("a mount from a moment on", () => {
  it("begins where it was and goes on without a gap or a repeat, whatever the moment", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 580_000 }), async (atMs) => {
        const mount = new SimulatedMount([
          [0, 200_000],
          [203_000, 300_000],
          [400_000, 2_000_000],
        ]);
        mount.now = 600_000;
        const { stage, place } = await rewound(mount, atMs);
        const { sounds } = await hear(mount, stage, place, 120_000);
        expect(onAirAt(mount.all, atMs)).toEqual(place);
        expect(sounds[0]).toMatchObject(place);
        const first = mount.all.findIndex((one) => comparePosition(one, place.segment) === 0);
        expect(played(sounds).map(({ startMs }) => startMs)).toEqual(
          mount.all.slice(first, first + played(sounds).length).map(({ startMs }) => startMs),
        );
        expect(sounds.every((sound) => sound.segment)).toBe(true);
        const totalMs = sounds.reduce((ms, sound) => ms + sound.ms, 0);
        expect(totalMs).toBeGreaterThan(120_000);
        expect(totalMs).toBeLessThan(127_000);
      }),
      { numRuns: 15 },
    );
  });

  it("meets live where pauses have used up its distance, and is live then", async () => {
    const mount = new SimulatedMount([
      [0, 100_000],
      [110_000, 1_000_000],
    ]);
    mount.now = 101_000;
    const { stage, place } = await rewound(mount, 95_000);
    const { sounds } = await hear(mount, stage, place, 100_000);
    const of = played(sounds);
    expect(of[0]?.startMs).toBe(94_000);
    for (const [index, one] of of.entries()) {
      const before = of[index - 1];
      if (before)
        expect(mount.all.indexOf(one as ArchivedSegment)).toBe(
          mount.all.indexOf(before as ArchivedSegment) + 1,
        );
    }
    // As far behind as live listeners are.
    expect(mount.now - endOf(of.at(-1))).toBeLessThan(segmentMs + 500);
  });

  it("ends with the last segment of a mount that is off the air", async () => {
    const mount = new SimulatedMount([[0, 100_000]]);
    mount.now = 500_000;
    const { stage, place } = await rewound(mount, 90_500);
    const { sounds, ended } = await hear(mount, stage, place, 60_000);
    expect(ended).toBe(true);
    expect(played(sounds).at(-1)?.startMs).toBe(98_000);
    expect(sounds.reduce((ms, { ms: more }) => ms + more, 0)).toBe(9_500);
  });

  it("hears silence while the archive does not answer, and then what comes next", async () => {
    const mount = new SimulatedMount([[0, 2_000_000]]);
    mount.now = 600_000;
    const { stage, place } = await rewound(mount, 100_000);
    mount.away = [mount.now, mount.now + 60_000];
    const { sounds } = await hear(mount, stage, place, 120_000);
    const of = played(sounds);
    expect(of.map(({ startMs }) => startMs)).toEqual(of.map((_, index) => 100_000 + index * segmentMs));
    const silent = sounds.flatMap((sound, index) => (sound.segment ? [] : [index]));
    // All in one stretch: what was looked up before is heard first.
    expect(silent.length).toBe((silent.at(-1) ?? 0) - (silent[0] ?? 0) + 1);
    const silentMs = sounds.reduce((ms, { segment: other, ms: more }) => ms + (other ? 0 : more), 0);
    expect(silentMs).toBeGreaterThan(30_000);
    expect(silentMs).toBeLessThan(65_000);
  });

  it("is not looked for endlessly when the archive goes round in circles", async () => {
    const mount = new SimulatedMount([[0, 2_000_000]]);
    mount.now = 600_000;
    const place = await mount.past().placeAt(100_000, host);
    if (!place) throw new Error("nothing was on air");
    const past = mount.past();
    const after = vi.spyOn(past, "after").mockImplementation(() => {
      if (after.mock.calls.length > 1_000) throw new Error("asked again and again");
      return Promise.resolve(place.segment);
    });
    const stage = ShiftedStage.rewound(place, null, { ...mount.from(), past });
    const { sounds } = await hear(mount, stage, place, 10_000);
    expect(played(sounds)).toEqual([place.segment]);
    expect(after.mock.calls.length).toBeLessThan(10);
  });

  it("is woken by the live mount's news when it is live, and not before", async () => {
    const mount = new SimulatedMount([
      [0, 100_000],
      [110_000, 1_000_000],
    ]);
    mount.now = 101_000;
    const { stage, place } = await rewound(mount, 95_000);
    const sleeper = new Sleeper(host, new Sleepers());
    const isWokenByNews = async (): Promise<boolean> => {
      let isAwake = false;
      const slept = sleeper.sleep(1_000, [stage.bell]).then(() => (isAwake = true));
      void mount.feed.bell.ring();
      await settle();
      const woken = isAwake;
      sleeper.wake();
      await slept;
      return woken;
    };
    expect(await isWokenByNews()).toBe(false);
    await hear(mount, stage, place, 30_000);
    expect(await isWokenByNews()).toBe(true);
  });

  it("asks the archive a few times a minute, not for each segment of each listener", async () => {
    const mount = new SimulatedMount([[0, 2_000_000]]);
    mount.now = 600_000;
    const { stage, place } = await rewound(mount, 100_000);
    const looks = vi.spyOn(stage.bell, "ring");
    await hear(mount, stage, place, 60_000);
    expect(looks.mock.calls.length).toBeLessThan(10);
    // Once for each segment.
    expect(mount.asked).toBeLessThan(60_000 / segmentMs + 20);
  });
});

describe("a delayed mount", () => {
  it("is always so long ago, with silence where nothing was", async () => {
    const cases = fc.record({
      delayMs: fc.integer({ min: 7_000, max: 150_000 }),
      fromMs: fc.integer({ min: 100_000, max: 300_000 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ delayMs, fromMs }) => {
        const mount = new SimulatedMount([
          [0, 120_000],
          [124_000, 200_000],
          [240_000, 2_000_000],
        ]);
        mount.now = fromMs;
        const stage = await delayed(mount, delayMs);
        const { sounds } = await hear(mount, stage, stage.place, 200_000);
        for (const { segment: of, fromMs: heardMs, offsetMs } of sounds) {
          if (!of) continue;
          const behindMs = heardMs - (of.startMs + offsetMs);
          expect(Math.abs(behindMs - delayMs)).toBeLessThan(1_100);
        }
        const silentMs = sounds.reduce((ms, { segment: of, ms: more }) => ms + (of ? 0 : more), 0);
        const audioMs = sounds.reduce((ms, { segment: of, ms: more }) => ms + (of ? more : 0), 0);
        expect(silentMs + audioMs).toBeGreaterThan(198_000);
        const onAirCount = mount.all.filter(
          (one) => endOf(one) > fromMs - delayMs && one.startMs < fromMs - delayMs + 200_000,
        ).length;
        expect(Math.abs(audioMs - onAirCount * segmentMs)).toBeLessThan(9_000);
      }),
      { numRuns: 15 },
    );
  });

  it("is there for the next listener at the same place in time", async () => {
    const mount = new SimulatedMount([[0, 2_000_000]]);
    mount.now = 600_000;
    const stage = await delayed(mount, 300_000);
    await hear(mount, stage, stage.place, 30_000);
    expect(stage.place).toEqual(onAirAt(mount.all, mount.now - 300_000));
  });
});
