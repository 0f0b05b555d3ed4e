import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RelayFault, SimulationOptions } from "../support/relay-simulation.ts";
import { relayAvoidMs, relayHoldMs, relayLimits, relaySlackMs } from "../../worker/limits.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));
const { RelaySimulation } = await import("../support/relay-simulation.ts");
type Simulation = InstanceType<typeof RelaySimulation>;

const segmentMs = 2_000;
const listenersEach = 500;

/** On air, and everybody there and on the way that the mount wants. */
async function onAir(options: Partial<SimulationOptions>): Promise<Simulation> {
  const simulation = new RelaySimulation({
    isolates: 1_100,
    listenersEach,
    segmentMs,
    useRelays: true,
    ...options,
  });
  vi.spyOn(Date, "now").mockImplementation(() => simulation.time.nowMs);
  vi.stubGlobal("scheduler", { wait: simulation.time.wait });
  vi.stubGlobal("setTimeout", simulation.time.setTimeout);
  vi.stubGlobal("clearTimeout", simulation.time.clearTimeout);
  await simulation.goOnAir();
  await simulation.begin(8_000);
  await simulation.run(10_000);
  return simulation;
}

/** Calls of the mount for each segment of the next so many. */
async function callsPerSegment(simulation: Simulation, segments: number) {
  simulation.mountCalls = { isolates: 0, relays: 0 };
  await simulation.run(segments * segmentMs);
  const { isolates, relays } = simulation.mountCalls;
  return { isolates: isolates / segments, relays: relays / segments };
}

/** How many isolates lack a segment, heard one twice, or not in order. */
const damaged = ({ isolates, announcedMs }: Simulation): number =>
  isolates.filter(({ heard, gaps }) => {
    const first = heard[0] ?? 0;
    return (
      gaps > 0 ||
      heard.some((at, index) => at !== first + index) ||
      first + heard.length < announcedMs.length - 1
    );
  }).length;

describe("a mount that more isolates listen to than it can answer", () => {
  beforeEach(() => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("is asked by its relays, each once for a segment, and everybody hears every segment once", async () => {
    const simulation = await onAir({ isolates: 2_000 });
    const calls = await callsPerSegment(simulation, 5);
    // Four in each of three regions: any region might have all the isolates.
    expect(simulation.relays.size).toBe(12);
    expect(calls).toEqual({ isolates: 0, relays: 12 });
    expect(damaged(simulation)).toBe(0);
  });

  it("counts every listener once while they go over to relays and afterwards", async () => {
    const simulation = await onAir({});
    expect(Math.max(...simulation.counted)).toBe(1_100 * listenersEach);
    simulation.counted.length = 0;
    await simulation.run(30_000);
    expect(simulation.counted.length).toBeGreaterThan(3);
    expect(new Set(simulation.counted)).toEqual(new Set([1_100 * listenersEach]));
  });

  it("would be asked by every isolate for every segment without them", async () => {
    const simulation = await onAir({ isolates: 300, useRelays: false });
    expect(await callsPerSegment(simulation, 3)).toEqual({ isolates: 300, relays: 0 });
  });

  it("has no relays when the isolates are few", async () => {
    const simulation = await onAir({ isolates: 300 });
    expect(simulation.relays.size).toBe(0);
    expect(damaged(simulation)).toBe(0);
  });

  it("is asked by isolates again when most of them have gone", async () => {
    const simulation = await onAir({});
    expect(simulation.relays.size).toBeGreaterThan(0);
    for (const isolate of simulation.isolates.splice(100)) isolate.end();
    await simulation.run(relayLimits.shrinkMs + 30_000);
    const calls = await callsPerSegment(simulation, 5);
    expect(calls).toEqual({ isolates: 100, relays: 0 });
    expect(damaged(simulation)).toBe(0);
    expect(simulation.counted.at(-1)).toBe(100 * listenersEach);
  });

  it("keeps its relays through a restart of its object, and loses no listener by it", async () => {
    const simulation = await onAir({});
    simulation.counted.length = 0;
    simulation.restartMount();
    const calls = await callsPerSegment(simulation, 5);
    expect(calls.isolates).toBe(0);
    expect(damaged(simulation)).toBe(0);
    expect(simulation.counted.at(-1)).toBe(1_100 * listenersEach);
  });

  it.each<RelayFault>(["hangs", "fails", "is cut off"])(
    "is asked by the isolates of a relay that %s, who miss nothing",
    async (fault) => {
      const simulation = await onAir({});
      for (const isolate of simulation.isolates) isolate.delaysMs.length = 0;
      simulation.faults.set(lame, fault);
      const calls = await callsPerSegment(simulation, 3);
      // One relay of four, in a region with two fifths of all.
      expect(calls.isolates).toBeGreaterThan(60);
      expect(calls.isolates).toBeLessThan(180);
      expect(damaged(simulation)).toBe(0);
      const slowest = Math.max(...simulation.isolates.flatMap(({ delaysMs }) => delaysMs));
      // Its own patience, or the relay's with the mount; and the way.
      expect(slowest).toBeLessThan(relayHoldMs + relaySlackMs + 500);
      expect(simulation.counted.at(-1)).toBe(1_100 * listenersEach);
    },
  );

  it("is left to a relay that is well again", async () => {
    const simulation = await onAir({});
    simulation.faults.set(lame, "fails");
    await simulation.run(2 * segmentMs);
    simulation.faults.delete(lame);
    await simulation.run(2 * relayAvoidMs + segmentMs);
    expect(await callsPerSegment(simulation, 3)).toEqual({ isolates: 0, relays: 12 });
    expect(damaged(simulation)).toBe(0);
  });
});

const lame = "EU0 /live.mp3";
