import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mountPath } from "../../../shared/mount-path.ts";
import type { AgedOrder } from "../../../shared/order-book.ts";
import type { ListenerOrder } from "../../../shared/orders.ts";
import { Roster, type RosterReport } from "../../../shared/roster.ts";
import { type MountPath, millis } from "../../../shared/units.ts";
import {
  rosterCallTimeoutMs,
  rosterLimits,
  sessionNoticeMs,
  sessionResumeMs,
} from "../../../worker/limits.ts";
import { seenAddress } from "../../../worker/client-address.ts";
import type { Host } from "../../../worker/mount-feed.ts";
import type { Seat } from "../../../worker/seat-desk.ts";
import type * as Sessions from "../../../worker/roster/sessions.ts";

// Node has no comparison in constant time where the platform has it.
vi.mock(import("../../../worker/is-secret.ts"), () => ({
  isSecret: (given, secret) => Promise.resolve(given === secret),
}));

const [a, b] = [mountPath("/a.mp3"), mountPath("/b.mp3")];
const token = "the ingest token";
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const streamOf = () => ({
  end: vi.fn<() => void>(),
  moveTo: vi.fn<(mount: MountPath) => void>(),
  bytesSent: 0,
  skips: 0,
});

const reportOf = (runtime: string): RosterReport => ({
  runtime,
  order: 1,
  whole: true,
  joined: [],
  left: [],
  byCountry: {},
  totals: { connections: 0, sessions: 0, bytesSent: 0, slowListeners: 0 },
  records: [],
  recordsFrom: 0,
});

/** An isolate and the rosters of its mounts. */
async function isolate(accessLog = true) {
  // Sessions are the isolate's: each test has one of its own.
  vi.resetModules();
  const sessions: typeof Sessions = await import("../../../worker/roster/sessions.ts");
  const rosters = new Map<string, Roster>();
  const reports: RosterReport[] = [];
  const records: number[] = [];
  const faults: ("fails" | "hangs")[] = [];
  const rosterOf = (mount: string): Roster => {
    const roster = rosters.get(mount) ?? new Roster(rosterLimits);
    rosters.set(mount, roster);
    return roster;
  };
  const getByName = (name: string) => ({
    async report(mount: MountPath, report: RosterReport) {
      expect(name).toBe(mount);
      const fault = faults.shift();
      if (fault === "hangs") await new Promise(() => undefined);
      if (fault === "fails") throw new Error("the roster has moved");
      reports.push(report);
      const { reply, records: fresh } = rosterOf(mount).report(report, millis(Date.now()), () => [
        1, 2, 3, 4,
      ]);
      records.push(...fresh.map(({ id }) => id));
      return reply;
    },
  });
  const env = { ROSTER: { getByName }, INGEST_TOKEN: token, STATION: JSON.stringify({ accessLog }) };
  const host = { env, keepAlive: () => undefined } as unknown as Host;
  const enter = async (
    mount: MountPath,
    agent: string,
    headers: Record<string, string> = {},
    id?: number,
  ) => {
    const request = new Request(`http://edge${mount}`, {
      headers: {
        "User-Agent": agent,
        "X-Skywave-Ingest": token,
        "X-Skywave-Client": "192.0.2.7",
        ...headers,
      },
    });
    const seat = { leave: vi.fn<Seat["leave"]>(), moveTo: vi.fn<Seat["moveTo"]>() };
    const from = await seenAddress(request.headers, host.env);
    const handle = sessions.openSession(mount, request, { from, user: null, seat, id }, host);
    const stream = streamOf();
    handle.attach(stream);
    return { handle, seat, stream, leave: () => handle.leave(host) };
  };
  const listed = (mount: MountPath) =>
    rosterOf(mount)
      .list(millis(Date.now()))
      .map(({ userAgent }) => userAgent)
      .toSorted();
  const obey = (mount: MountPath, order: ListenerOrder, ageMs = 0) =>
    sessions.obeyOrders(mount, [{ order, ageMs } satisfies AgedOrder], host);
  return { ...sessions, enter, listed, obey, host, reports, records, faults, rosterOf };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  vi.stubGlobal("scheduler", { wait });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("an isolate's sessions", () => {
  it("are told to their roster: the first at once, those of the next two seconds together", async () => {
    const { enter, listed, reports } = await isolate();
    await enter(a, "first");
    await vi.advanceTimersByTimeAsync(0);
    expect(listed(a)).toEqual(["first"]);
    const others = await Promise.all(["x", "y", "z"].map((agent) => enter(a, agent)));
    others[2]?.leave();
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect(listed(a)).toEqual(["first", "x", "y"]);
    expect(reports).toHaveLength(2);
  });

  it.each(["fails", "hangs"] as const)("are told in whole again after a report that %s", async (fault) => {
    const { enter, listed, faults } = await isolate();
    const one = await enter(a, "one");
    await vi.advanceTimersByTimeAsync(0);
    faults.push(fault);
    one.leave();
    await enter(a, "two");
    await vi.advanceTimersByTimeAsync(2 * rosterLimits.everyMs + rosterCallTimeoutMs);
    expect(listed(a)).toEqual(["two"]);
  });

  it("are told of though nothing changes, so that they do not expire, and not when nobody is left", async () => {
    const { enter, listed, reports, renewRosters, host } = await isolate(false);
    const one = await enter(a, "one");
    for (let seconds = 0; seconds < 60; seconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
      renewRosters(host);
    }
    expect(listed(a)).toEqual(["one"]);
    expect(reports.length).toBeLessThanOrEqual(1 + 60_000 / rosterLimits.idleMs);
    one.leave();
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect(listed(a)).toEqual([]);
    const told = reports.length;
    for (let seconds = 0; seconds < 60; seconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
      renewRosters(host);
    }
    expect(reports).toHaveLength(told);
  });

  it("are one for a browser that probes and then plays, and for a player that is back before its end is noticed", async () => {
    const { enter, listed, rosterOf, records, reports } = await isolate();
    const probe = await enter(a, "browser", { Range: "bytes=0-1" });
    const plays = await enter(a, "browser", { Range: "bytes=0-" });
    await vi.advanceTimersByTimeAsync(1_500);
    probe.leave();
    await vi.advanceTimersByTimeAsync(60_000);
    const { id, startedMs } = plays.handle.session;
    const back = await enter(a, "browser");
    back.stream.bytesSent = 5;
    plays.stream.bytesSent = 100;
    await vi.advanceTimersByTimeAsync(sessionNoticeMs - 1);
    plays.leave();
    expect(back.handle.session).toMatchObject({ id, startedMs });
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect(listed(a)).toEqual(["browser"]);
    expect(rosterOf(a).list(millis(Date.now()))[0]?.id).toBe(id);
    back.leave();
    await vi.advanceTimersByTimeAsync(sessionResumeMs + 2 * rosterLimits.everyMs);
    expect(rosterOf(a).audience(millis(Date.now()))).toMatchObject({ sessions: 1, bytesSent: 105 });
    expect(rosterOf(a).totals).toMatchObject({ connections: 3, sessions: 1 });
    expect(records).toEqual([id]);
    const counted = reports.map(({ totals }) => totals.sessions);
    expect(counted).toEqual(counted.toSorted((x, y) => x - y));
  });

  it("have the number that others were told last", async () => {
    const { enter, listed, rosterOf, records } = await isolate();
    const first = await enter(a, "player", {}, 11);
    first.leave();
    const second = await enter(a, "player", {}, 22);
    expect(second.handle.session.id).toBe(22);
    // Back again before anybody noticed that it went.
    const third = await enter(a, "player", {}, 33);
    second.leave();
    expect(third.handle.session).toMatchObject({ id: 33, startedMs: first.handle.session.startedMs });
    await vi.advanceTimersByTimeAsync(2 * rosterLimits.everyMs);
    expect(listed(a)).toEqual(["player"]);
    expect(rosterOf(a).list(millis(Date.now()))[0]?.id).toBe(33);
    third.leave();
    await vi.advanceTimersByTimeAsync(sessionResumeMs + 2 * rosterLimits.everyMs);
    expect(records).toEqual([33]);
    expect(rosterOf(a).totals).toMatchObject({ connections: 3, sessions: 1 });
  });

  it("never have a number that another of the isolate has", async () => {
    const { enter } = await isolate();
    const draws = [5, 0, 5, 6].map((id) => 2 * id);
    vi.stubGlobal("crypto", {
      randomUUID: () => "isolate",
      getRandomValues: (words: Uint32Array) => words.fill(draws.shift() ?? 0),
    });
    const ids = [await enter(a, "x"), await enter(b, "y")].map(({ handle }) => handle.session.id);
    expect(ids).toEqual([5, 6]);
  });

  it("are told in whole again when the request that told them has ended with its call", async () => {
    const { enter, listed, faults, renewRosters, host } = await isolate(false);
    const one = await enter(a, "one");
    await enter(a, "two");
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    // Nothing of that request runs any more, not even its timers.
    vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
    faults.push("hangs");
    one.leave();
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    vi.stubGlobal("scheduler", { wait });
    for (let seconds = 0; seconds < 12; seconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
      renewRosters(host);
    }
    expect(listed(a)).toEqual(["two"]);
  });

  it("of an isolate that was still for an hour are not counted twice", async () => {
    const { enter, rosterOf } = await isolate(false);
    (await enter(a, "one")).leave();
    await vi.advanceTimersByTimeAsync(rosterLimits.countsMs + 60_000);
    await enter(b, "elsewhere");
    rosterOf(a).report(reportOf("another isolate"), millis(Date.now()), () => [1, 2, 3, 4]);
    await enter(a, "two");
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect(rosterOf(a).totals.sessions).toBe(2);
  });

  it("take their address and country only from whom they may", async () => {
    const { enter, openSession, host } = await isolate();
    const vouched = await enter(a, "x");
    expect(vouched.handle.session).toMatchObject({ address: "192.0.2.7", country: null });
    const cf = { country: "KR" };
    const request = Object.assign(
      new Request("http://edge/a.mp3", { headers: { "CF-Connecting-IP": "192.0.2.8" } }),
      { cf },
    );
    const seen = openSession(
      a,
      request,
      { from: await seenAddress(request.headers, host.env), user: "ann" },
      host,
    );
    expect(seen.session).toMatchObject({ address: "192.0.2.8", country: "KR", user: "ann" });
    const direct = { ...host, env: { ...host.env, REACHED_DIRECTLY: "1" } };
    const from = await seenAddress(request.headers, direct.env);
    const unknown = openSession(a, request, { from, user: "ann" }, direct);
    expect(unknown.session).toMatchObject({ address: null, country: null });
    const ids = [vouched.handle, seen, unknown].map(({ session }) => session.id);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect([id > 0, id < 2 ** 31]).toEqual([true, true]);
  });

  it("are told for the access log though the call that stood has ended with its request, and nobody comes", async () => {
    const { enter, records, faults, reports } = await isolate();
    const one = await enter(a, "one");
    await vi.advanceTimersByTimeAsync(0);
    one.leave();
    await vi.advanceTimersByTimeAsync(sessionResumeMs - 1_000);
    // Of another listener, whose request ends while its end is told: a probe, or one that goes on elsewhere.
    const other = await enter(a, "other", { Range: "bytes=0-1" });
    vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
    faults.push("hangs");
    other.leave();
    vi.stubGlobal("scheduler", { wait });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(records).toEqual([one.handle.session.id]);
    expect(reports.length).toBeGreaterThan(0);
  });

  it("are not told for the access log where the station keeps none", async () => {
    const { enter, records } = await isolate(false);
    (await enter(a, "x")).leave();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(records).toEqual([]);
  });
});

describe("orders", () => {
  it("end the session they name, which nobody goes on with, and no other", async () => {
    const { enter, listed, obey } = await isolate();
    const [one, two] = [await enter(a, "one"), await enter(a, "two")];
    obey(b, { sequence: 1, kind: "kill", listener: one.handle.session.id });
    expect(one.stream.end).not.toHaveBeenCalled();
    obey(a, { sequence: 1, kind: "kill", listener: one.handle.session.id });
    expect([one.stream.end.mock.calls.length, two.stream.end.mock.calls.length]).toEqual([1, 0]);
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect(listed(a)).toEqual(["two"]);
    one.leave();
    const again = await enter(a, "one");
    expect(again.handle.session.id).not.toBe(one.handle.session.id);
  });

  it("move those who were there when they were given, with seat and session", async () => {
    const { enter, listed, obey, rosterOf } = await isolate();
    const early = await enter(a, "early");
    early.stream.bytesSent = 100;
    await vi.advanceTimersByTimeAsync(5_000);
    const late = await enter(a, "late");
    obey(a, { sequence: 1, kind: "move", listener: null, to: b }, 3_000);
    expect([early.stream.moveTo.mock.calls, late.stream.moveTo.mock.calls]).toEqual([[[b]], []]);
    expect(early.seat.moveTo.mock.calls[0]?.[0]).toBe(b);
    await vi.advanceTimersByTimeAsync(rosterLimits.everyMs);
    expect([listed(a), listed(b)]).toEqual([["late"], ["early"]]);
    early.stream.bytesSent = 130;
    early.leave();
    late.leave();
    await vi.advanceTimersByTimeAsync(2 * rosterLimits.everyMs);
    const bytes = [a, b].map((mount) => rosterOf(mount).audience(millis(Date.now())).bytesSent);
    expect(bytes).toEqual([100, 30]);
    // A move is no request.
    expect([a, b].map((mount) => rosterOf(mount).totals.connections)).toEqual([2, 0]);
  });

  it.each([null, "the one"])(
    "that an isolate hears of twice move nobody who was moved back since: %s",
    async (who) => {
      const { enter, obey } = await isolate();
      const { handle, stream } = await enter(a, "x");
      const listener = who === null ? null : handle.session.id;
      obey(a, { sequence: 1, kind: "move", listener, to: b });
      await vi.advanceTimersByTimeAsync(5_000);
      obey(b, { sequence: 1, kind: "move", listener: handle.session.id, to: a });
      await vi.advanceTimersByTimeAsync(5_000);
      obey(a, { sequence: 1, kind: "move", listener, to: b }, 10_000);
      expect(stream.moveTo.mock.calls).toEqual([[b], [a]]);
    },
  );

  it("are carried out by a stream that begins after them", async () => {
    const { openSession, obey, host } = await isolate();
    const request = () => new Request("http://edge/a.mp3");
    const from = { address: null, byPlatform: false };
    const [killed, moved] = [
      openSession(a, request(), { from, user: null }, host),
      openSession(a, request(), { from, user: null }, host),
    ];
    obey(a, { sequence: 1, kind: "kill", listener: killed.session.id });
    obey(a, { sequence: 2, kind: "move", listener: moved.session.id, to: b });
    const stream = streamOf();
    killed.attach(stream);
    expect([stream.end.mock.calls.length, stream.moveTo.mock.calls.length]).toEqual([1, 0]);
    moved.attach(stream);
    expect([stream.end.mock.calls.length, stream.moveTo.mock.calls]).toEqual([1, [[b]]]);
  });
});
