import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { edgeStationSchema } from "../../../shared/edge-station.ts";
import type { MountPath } from "../../../shared/units.ts";
import type { Host } from "../../../worker/mount-feed.ts";

const mount = "/live.mp3" as MountPath;
const station = edgeStationSchema.parse({});
const places = { open: 0, most: 1 };
const logins = { asked: 0, maxMs: undefined as number | undefined };
const rules = { isForAnybody: false };

vi.mock("cloudflare:workers", () => ({ DurableObject: Object }));
vi.mock("../../../worker/directory.ts", () => ({
  stationOf: () => Promise.resolve(station),
  secretsOf: () => Promise.resolve({}),
}));
vi.mock("../../../worker/access/listener-users.ts", () => ({ isForAnybody: () => rules.isForAnybody }));
vi.mock("../../../worker/listener-auth/log-in.ts", () => ({
  logIn: () => {
    logins.asked++;
    return Promise.resolve({ user: "ann", maxMs: logins.maxMs, end: () => undefined });
  },
}));
vi.mock("../../../worker/programme.ts", () => {
  const home = { phase: "live", refresh: () => Promise.resolve(), isCertain: true, window: [] };
  return { programmeOf: () => ({ home, stages: [home], first: 0 }) };
});
vi.mock("../../../worker/place.ts", () => ({
  takePlace: async () => {
    if (places.open === places.most) return "full";
    places.open++;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { session: { attach: () => undefined }, leave: () => places.open-- };
  },
}));
const { HlsSessions } = await import("../../../worker/hls/hls-sessions.ts");
const { tokenMs } = await import("../../../worker/hls/limits.ts");

const host = {} as Host;
const entrance = (trustedUntilMs: number | null = null) => ({
  mount,
  request: new Request("http://station.test/live.mp3.m3u8"),
  trustedUntilMs,
});
const heard = (id: string, targetSeconds: number) => [{ id, ageMs: 0, bytes: 1, targetSeconds }];

describe("the sessions of HLS", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
    Object.assign(places, { open: 0, most: 1 });
    Object.assign(logins, { asked: 0, maxMs: undefined });
    rules.isForAnybody = false;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    await vi.advanceTimersByTimeAsync(1_000);
    return work;
  };

  it("take one place for a listener who asks for several things at once, and give it back", async () => {
    const sessions = new HlsSessions();
    const entering = [1, 2, 3].map(() => sessions.enter("a", entrance(), host));
    expect(await settled(Promise.all(entering))).toEqual([tokenMs, tokenMs, tokenMs]);
    expect([sessions.size, places.open]).toEqual([1, 1]);
    sessions.leaveAll();
    expect(places.open).toBe(0);
  });

  it("let somebody else try when the first was refused", async () => {
    places.most = 0;
    const sessions = new HlsSessions();
    const first = await settled(sessions.enter("a", entrance(), host));
    expect((first as Response).status).toBe(403);
    places.most = 1;
    expect(await settled(sessions.enter("a", entrance(), host))).toBe(tokenMs);
  });

  it("tell for how long a login is good, and who is forgotten stays no longer than that", async () => {
    logins.maxMs = 60_000;
    const sessions = new HlsSessions();
    expect(await settled(sessions.enter("a", entrance(), host))).toBe(60_000);
    const untilMs = Date.now() + 59_000;

    places.open = 0;
    const others = new HlsSessions();
    await settled(others.enter("a", entrance(untilMs), host));
    expect(logins.asked).toBe(1);
    others.touch(heard("a", 2), untilMs - 1);
    others.expire(2, untilMs - 1);
    expect(others.touch(heard("a", 2), untilMs)).toEqual({ refused: [], unknown: [] });
    others.expire(2, untilMs + 100);
    expect(others.touch(heard("a", 2), untilMs)).toEqual({ refused: ["a"], unknown: [] });
  });

  it("ask again whose login is over, and everybody where nobody needs one", async () => {
    const sessions = new HlsSessions();
    await settled(sessions.enter("a", entrance(Date.now() - 1), host));
    expect(logins.asked).toBe(1);
    rules.isForAnybody = true;
    places.most = 2;
    await settled(sessions.enter("b", entrance(Date.now() + 1_000), host));
    sessions.expire(2, Date.now() + 5_000);
    expect(sessions.size).toBe(2);
  });

  it("wait for three target durations of the playlist that a listener follows", async () => {
    const sessions = new HlsSessions();
    await settled(sessions.enter("a", entrance(), host));
    const now = Date.now();
    sessions.touch(heard("a", 10), now);
    sessions.touch(heard("a", 0), now);
    sessions.expire(2, now + 30_000);
    expect(sessions.size).toBe(1);
    sessions.expire(2, now + 33_001);
    expect([sessions.size, places.open]).toEqual([0, 0]);
  });
});
