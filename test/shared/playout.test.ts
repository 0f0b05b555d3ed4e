import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MountPhase } from "../../shared/mount-state.ts";
import { type Decision, Playout, type StageRule, type StageView } from "../../shared/playout.ts";
import { comparePosition, durationMs, type SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

const segment = (at: number, number: number, ms = 2_000): SegmentRef => ({
  epoch: epoch(at),
  sequence: sequence(number),
  startMs: millis(0),
  firstSample: sampleCount(0),
  samples: sampleCount(ms * 8),
  sampleRate: 8_000,
  bytes: ms * 16,
  titles: [],
});

const graceMs = 15_000;
const leaseMs = 6_000;

/** A mount whose source comes and goes, on the simulator's clock. */
class SimulatedStage implements StageView {
  window: SegmentRef[] = [];
  patienceMs = leaseMs + graceMs;
  readonly #now: () => number;
  #connected = false;
  #epoch = 0;
  #next = 0;
  #openSinceMs = 0;
  #edgeMs = 0;
  #sinceMs = 0;
  #leftMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get phase(): MountPhase {
    if (this.#connected) return "live";
    return this.window.length > 0 && this.#now() < this.#leftMs + graceMs ? "waiting" : "off";
  }
  get edgeAgeMs(): number {
    return this.#now() - this.#edgeMs;
  }
  get silentMs(): number {
    return this.#now() - Math.max(this.#edgeMs, this.#sinceMs);
  }

  connect(): void {
    if (this.#connected) return;
    if (this.phase === "off") this.window = [];
    this.#connected = true;
    this.#epoch++;
    this.#next = 0;
    this.#sinceMs = this.#openSinceMs = this.#now();
  }
  leave(): void {
    if (!this.#connected) return;
    this.flush();
    this.#connected = false;
    this.#leftMs = this.#now();
  }
  /** The source sends in real time until `nowMs`; whole segments come out. */
  play(ms = 2_000): void {
    while (this.#connected && this.#now() - this.#openSinceMs >= ms) {
      this.#openSinceMs += ms;
      this.#add(ms);
    }
  }
  /** What is open comes out, and the source begins anew now. */
  flush(): void {
    const ms = Math.floor(this.#now() - this.#openSinceMs);
    if (this.#connected && ms > 0 && ms < 2_000) this.#add(ms);
    this.#openSinceMs = this.#now();
  }
  #add(ms: number): void {
    this.window = [...this.window, segment(this.#epoch, this.#next++, ms)].slice(-30);
    this.#edgeMs = this.#now();
  }
}

function must(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`);
}

const always: StageRule = { returns: true, mustReturn: false };

/** One listener on the simulator's clock, with a player that starts half a second after its first byte. */
class SimulatedListener {
  readonly heard: { atMs: number; decision: Decision }[] = [];
  readonly playout: Playout;
  ended = false;
  silenceMs = 0;
  /** Least in hand at the moment before something was sent, after the first. */
  leastMs = Number.POSITIVE_INFINITY;
  #heldUntilMs = 0;
  #sentMs = 0;
  #stages: readonly StageView[];
  readonly #lastOf = new Map<number, SegmentRef>();

  constructor(
    stages: readonly StageView[],
    nowMs: number,
    rules: StageRule[] = stages.map(() => always),
    first = 0,
  ) {
    this.#stages = stages;
    this.playout = new Playout(rules, first, { behindMs: 4_000, leastBytes: 0, intro: [] }, nowMs);
  }

  moveTo(stages: readonly StageView[]): void {
    this.#stages = stages;
    this.#lastOf.clear();
    this.playout.moveTo(
      stages.map(() => always),
      0,
    );
  }

  /** Does all there is to do at this moment. */
  run(nowMs: number): void {
    for (let steps = 0; !this.ended; steps++) {
      // Whatever happens there is a next thing to do, and doing it leads somewhere.
      must(steps < 100, "a decision leads somewhere");
      const decision = this.playout.next(nowMs, this.#stages);
      if (decision.kind === "wait") {
        must(decision.ms > 0, "a wait lasts");
        return;
      }
      this.heard.push({ atMs: nowMs, decision });
      if (decision.kind === "end") this.ended = true;
      if (decision.kind === "silence") {
        must(this.playout.inHandMs(nowMs) <= 250, "silence comes when little is in hand");
        this.#hold(decision.ms, nowMs);
        this.silenceMs += decision.ms;
        this.playout.sentSilence(decision.ms, nowMs);
      }
      if (decision.kind === "play") {
        const before = this.#lastOf.get(decision.stage);
        must(!before || comparePosition(decision.segment, before) > 0, "the position never goes back");
        if (decision.continues) {
          const follows =
            before?.epoch === decision.segment.epoch && before.sequence + 1 === decision.segment.sequence;
          must(follows, "what continues is the next segment");
        }
        this.#lastOf.set(decision.stage, decision.segment);
        const ms = decision.padMs + durationMs(decision.segment) - decision.offsetMs;
        this.silenceMs += decision.padMs;
        this.#hold(ms, nowMs);
        this.playout.sent(decision, ms, 0, nowMs);
      }
    }
  }

  #hold(ms: number, nowMs: number): void {
    if (this.#heldUntilMs > 0 && nowMs > this.#sentMs)
      this.leastMs = Math.min(this.leastMs, this.#heldUntilMs - nowMs);
    const startsMs = this.#heldUntilMs === 0 ? nowMs + 500 : nowMs;
    this.#heldUntilMs = Math.max(startsMs, this.#heldUntilMs) + ms;
    this.#sentMs = nowMs;
  }

  get playedStages(): number[] {
    const stages = this.heard.flatMap(({ decision }) => (decision.kind === "play" ? [decision.stage] : []));
    return stages.filter((stage, index) => stage !== stages[index - 1]);
  }
}

const tickMs = 20;

/** Runs time in steps: sources first, then listeners. */
function simulate(
  untilMs: number,
  clock: { now: number },
  stages: SimulatedStage[],
  listeners: SimulatedListener[],
) {
  for (; clock.now < untilMs; clock.now += tickMs) {
    for (const stage of stages) stage.play();
    for (const listener of listeners) listener.run(clock.now);
  }
}

/** Mounts whose sources have been on the air for a while, heard by nobody yet. */
function onAir(mounts = 1, forMs = 20_500) {
  const clock = { now: 1_000_000 };
  const stages = Array.from({ length: mounts }, () => new SimulatedStage(() => clock.now));
  const [live, backup] = stages;
  const run = (ms: number, ...listeners: SimulatedListener[]) =>
    simulate(clock.now + ms, clock, stages, listeners);
  const join = (rules?: StageRule[], first?: number) =>
    new SimulatedListener(stages, clock.now, rules, first);
  for (const stage of stages) stage.connect();
  run(forMs);
  return { clock, stages, live, backup, run, join };
}

describe("what a listener hears", () => {
  it("is the source's segments one after another, never silence", () => {
    const { run, join } = onAir();
    const listener = join();
    run(60_000, listener);
    expect(listener.silenceMs).toBe(0);
    expect(listener.leastMs).toBeGreaterThan(1_900);
    const follows = listener.heard
      .slice(1)
      .map(({ decision }) => decision.kind === "play" && decision.continues);
    expect(follows).not.toContain(false);
  });

  it("has no silence when a source is away for less than what is in hand allows", () => {
    const { live, run, join } = onAir();
    const listener = join();
    run(9_000, listener);
    live?.leave();
    run(1_000, listener);
    live?.connect();
    run(30_000, listener);
    expect(listener.silenceMs).toBe(0);
    expect(listener.ended).toBe(false);
  });

  it("is silence once that has run out, then the source again, then never silence again", () => {
    const { live, run, join } = onAir();
    const listener = join();
    run(9_000, listener);
    live?.leave();
    run(3_900, listener);
    expect(listener.silenceMs).toBe(0);
    run(6_100, listener);
    expect(listener.silenceMs).toBeGreaterThan(5_000);
    live?.connect();
    run(4_000, listener);
    const { silenceMs } = listener;
    run(60_000, listener);
    expect(listener.silenceMs).toBe(silenceMs);
    expect(listener.leastMs).toBeGreaterThan(200);
  });

  it("ends when the mount is off and there is nothing else, not before", () => {
    const { live, run, join } = onAir();
    const listener = join();
    run(5_000, listener);
    live?.leave();
    run(graceMs - 100, listener);
    expect(listener.ended).toBe(false);
    run(200, listener);
    expect(listener.ended).toBe(true);
  });

  it("falls back after the grace, and comes back with the source's first segment", () => {
    const { live, run, join } = onAir(2);
    const listener = join();
    run(5_000, listener);
    live?.leave();
    run(graceMs + 20_000, listener);
    expect(listener.playedStages).toEqual([0, 1]);
    live?.connect();
    run(20_000, listener);
    expect(listener.playedStages).toEqual([0, 1, 0]);
    const back = listener.heard.find(
      ({ decision }) => decision.kind === "play" && decision.stage === 0 && decision.segment.epoch === 2,
    );
    expect(back?.decision).toMatchObject({ segment: { sequence: 0 }, continues: false, offsetMs: 0 });
    expect(listener.leastMs).toBeGreaterThan(200);
  });

  it("stays on the fallback where that is the rule, until it is gone", () => {
    const { live, backup, run, join } = onAir(2);
    const stay: StageRule = { returns: false, mustReturn: false };
    const listener = join([stay, stay]);
    run(5_000, listener);
    live?.leave();
    run(graceMs + 5_000, listener);
    live?.connect();
    run(30_000, listener);
    expect(listener.playedStages).toEqual([0, 1]);
    backup?.leave();
    run(graceMs + 5_000, listener);
    expect(listener.playedStages).toEqual([0, 1, 0]);
  });

  it("is taken over from a fallback that was chosen only by a mount that comes back", () => {
    const { live, run, join } = onAir(2);
    const taker: StageRule = { returns: true, mustReturn: true };
    const listener = join([taker, always], 1);
    run(20_000, listener);
    expect(listener.playedStages).toEqual([1]);
    live?.leave();
    run(5_000, listener);
    live?.connect();
    run(20_000, listener);
    expect(listener.playedStages).toEqual([1, 0]);
  });

  it("skips to where live is for a socket that took nothing for longer than the window lasts", () => {
    const { live, run, join } = onAir(1, 60_500);
    const listener = join();
    run(5_000, listener);
    const before = listener.heard.length;
    run(70_000);
    run(10_000, listener);
    const [skip, ...rest] = listener.heard.slice(before).map(({ decision }) => decision);
    const newest = live?.window.at(-1)?.sequence ?? 0;
    // It joins anew, primed, near live; from there on everything follows.
    expect(skip).toMatchObject({ kind: "play", continues: false });
    expect(listener.playout.skips).toBe(1);
    if (skip?.kind !== "play") throw new Error("expected a segment");
    expect(newest - skip.segment.sequence).toBeLessThan(9);
    expect(rest.every((decision) => decision.kind === "play" && decision.continues)).toBe(true);
  });

  it("is another mount at once when it is moved there, spliced to what is in hand, and never runs dry", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9_000 }),
        fc.integer({ min: 0, max: 1_900 }),
        (afterMs, laterMs) => {
          const { live, backup, run, join } = onAir(2);
          // The other's segments come at other times.
          backup?.leave();
          run(laterMs);
          backup?.connect();
          run(20_000);
          const listener = join([always], 0);
          run(100 + afterMs, listener);
          const before = listener.heard.length;
          listener.moveTo(backup && live ? [backup, live] : []);
          run(100, listener);
          run(30_000, listener);
          const [splice, ...rest] = listener.heard.slice(before).map(({ decision }) => decision);
          expect(splice).toMatchObject({ kind: "play", stage: 0, continues: false });
          expect(rest.every((decision) => decision.kind === "play" && decision.continues)).toBe(true);
          expect(listener.leastMs).toBeGreaterThan(250);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("goes on in real time, whatever the clock is set to", () => {
    for (const jumpMs of [3_600_000, -3_600_000]) {
      const { clock, stages, run, join } = onAir();
      const listener = join();
      run(5_000, listener);
      const before = listener.playout.inHandMs(clock.now);
      clock.now += jumpMs;
      listener.playout.next(clock.now, stages);
      // The last step of the simulation is part of the one that jumped.
      expect(Math.abs(listener.playout.inHandMs(clock.now) - before)).toBeLessThanOrEqual(tickMs);
    }
  });

  it("begins with the intro, in real time, and joins as far behind live as without one", () => {
    const { clock, stages } = onAir();
    const intro = Array.from({ length: 5 }, (_, number) => segment(1, number));
    const playout = new Playout([always], 0, { behindMs: 4_000, leastBytes: 0, intro }, clock.now);
    const heard: string[] = [];
    const endsAt = clock.now + 20_000;
    for (; clock.now < endsAt; clock.now += tickMs) {
      for (const stage of stages) stage.play();
      for (
        let decision = playout.next(clock.now, stages);
        decision.kind !== "wait";
        decision = playout.next(clock.now, stages)
      ) {
        heard.push(decision.kind);
        expect(playout.inHandMs(clock.now)).toBeLessThan(6_600);
        if (decision.kind === "intro") playout.sentIntro(2_000, 32_000, clock.now);
        else if (decision.kind === "play")
          playout.sent(decision, 2_000 - decision.offsetMs + decision.padMs, 0, clock.now);
        else throw new Error(`unexpected ${decision.kind}`);
      }
    }
    expect(heard.slice(0, 7)).toEqual(["intro", "intro", "intro", "intro", "intro", "play", "play"]);
    expect(playout.inHandMs(clock.now)).toBeGreaterThan(1_900);
    expect(playout.inHandMs(clock.now)).toBeLessThan(6_600);
  });

  it("keeps its promises whatever sources do", () => {
    const act = fc.record({
      stage: fc.nat(2),
      what: fc.constantFrom("connect", "leave", "flush", "nothing"),
      forMs: fc.oneof(fc.nat(3_000), fc.nat(40_000)),
    });
    const rule = fc.record({ returns: fc.boolean(), mustReturn: fc.constant(false) });
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 25 }),
        fc.array(rule, { minLength: 3, maxLength: 3 }),
        (acts, rules) => {
          const { stages, run, join } = onAir(3, 10_000);
          const listener = join(rules);
          for (const { stage, what, forMs } of acts) {
            if (what !== "nothing") stages[stage]?.[what]();
            run(forMs, listener);
            // Only when nothing is there may the stream end; it never runs dry before.
            if (listener.ended) {
              expect(stages.every(({ phase }) => phase === "off")).toBe(true);
              return;
            }
          }
          expect(listener.leastMs).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
