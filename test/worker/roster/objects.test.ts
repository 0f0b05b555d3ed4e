import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { noTotals, type RosterReport } from "../../../shared/roster.ts";
import type { SessionRecord } from "../../../shared/listener-session.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { millis } from "../../../shared/units.ts";
import { ledgerRecords, recordsPerCall, rosterSaveMs } from "../../../worker/limits.ts";

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
const { RosterObject } = await import("../../../worker/roster/roster-object.ts");
const { LedgerObject } = await import("../../../worker/roster/ledger-object.ts");

const mount = mountPath("/live.mp3");
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What an object stores, over its lives. */
function storage() {
  const kept = new Map<string, unknown>();
  const database = new DatabaseSync(":memory:");
  const alarms: number[] = [];
  const kv = {
    get: (key: string) => structuredClone(kept.get(key)),
    put: (key: string, value: unknown) => kept.set(key, structuredClone(value)),
    delete: (key: string) => kept.delete(key),
    list: ({ prefix }: { prefix: string }) => [...kept].filter(([key]) => key.startsWith(prefix)),
  };
  const sql = {
    exec(query: string, ...values: SQLInputValue[]) {
      const rows = database.prepare(query).all(...values);
      return { toArray: () => rows, one: () => rows[0] };
    },
  };
  let object: { alarm(): Promise<void> } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const setAlarm = async (atMs: number) => {
    alarms.push(atMs);
    clearTimeout(timer);
    timer = setTimeout(() => void object?.alarm(), atMs - Date.now());
  };
  /** Whoever lives now is rung for. */
  const rings = <Live extends { alarm(): Promise<void> }>(live: Live): Live => {
    object = live;
    return live;
  };
  return { alarms, kept, rings, ctx: { storage: { kv, sql, setAlarm }, waitUntil: () => undefined } };
}

const record = (id: number): SessionRecord => ({
  id,
  mount,
  address: "192.0.2.1",
  userAgent: "VLC",
  referer: "",
  country: null,
  user: null,
  request: "GET /live.mp3 HTTP/1.1",
  startedMs: millis(0),
  endedMs: millis(9),
  bytesSent: 7,
});
const report = (order: number, more: Partial<RosterReport> = {}): RosterReport => ({
  runtime: "isolate",
  order,
  whole: true,
  joined: [],
  left: [],
  byCountry: {},
  totals: noTotals,
  records: [],
  recordsFrom: 0,
  ...more,
});
const word = (batch: number, records: readonly SessionRecord[], life = "life", recordsFrom = 0) => ({
  life,
  batch,
  totals: { ...noTotals, sources: 0 },
  records,
  recordsFrom,
});

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

describe("a roster's object", () => {
  function edge() {
    const own = storage();
    const ledgers = storage();
    const ledger = new LedgerObject(ledgers.ctx, {} as never);
    const faults: ("fails" | "loses" | "hangs")[] = [];
    const stub = {
      async report(...args: Parameters<typeof ledger.report>) {
        const fault = faults.shift();
        if (fault === "hangs") return new Promise<void>(() => undefined);
        if (fault !== "fails") ledger.report(...structuredClone(args));
        if (fault) throw new Error("the ledger has moved");
        return undefined;
      },
    };
    const env = { LEDGER: { getByName: () => stub } };
    return { ...own, ledger, faults, live: () => own.rings(new RosterObject(own.ctx, env as never)) };
  }

  it("tells the ledger at once, then every ten seconds while there is something new", async () => {
    const { ledger, live } = edge();
    const roster = live();
    await roster.begin(mount, 1, true);
    await vi.advanceTimersByTimeAsync(0);
    expect(ledger.counters()).toMatchObject({ sourceConnections: 1, listenerConnections: 0 });
    await roster.report(mount, report(1, { totals: { ...noTotals, connections: 3, bytesSent: 90 } }));
    await vi.advanceTimersByTimeAsync(rosterSaveMs - 1);
    expect(ledger.counters().bytesSent).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(ledger.counters()).toMatchObject({ listenerConnections: 3, bytesSent: 90 });
  });

  it("tells a record in its next life when it is taken out of memory before it could", async () => {
    const { ledger, live } = edge();
    const roster = live();
    await roster.report(mount, report(1));
    await vi.advanceTimersByTimeAsync(1_000);
    await roster.report(mount, report(2));
    // Stored when it was due: what comes next is not stored at once.
    await vi.advanceTimersByTimeAsync(rosterSaveMs);
    await roster.report(mount, report(3, { records: [record(7)] }));
    live();
    await vi.advanceTimersByTimeAsync(rosterSaveMs);
    expect(ledger.records(0).records.map(({ id }) => id)).toEqual([7]);
    live();
    await vi.advanceTimersByTimeAsync(3 * rosterSaveMs);
    expect(ledger.records(0).records, "told once").toHaveLength(1);
  });

  it("tells it again when the ledger did not answer", async () => {
    const { ledger, live, faults } = edge();
    const roster = live();
    faults.push("fails", "fails");
    await roster.report(mount, report(1, { records: [record(7)] }));
    await vi.advanceTimersByTimeAsync(2 * rosterSaveMs + 100);
    expect(ledger.records(0).records.map(({ id }) => id)).toEqual([7]);
  });

  it("counts on in its next life where it was, and takes nothing back that was seen", async () => {
    const { ledger, live } = edge();
    const roster = live();
    await roster.report(mount, report(1, { totals: { ...noTotals, connections: 3, sessions: 3 } }));
    await vi.advanceTimersByTimeAsync(0);
    await roster.report(mount, report(2, { totals: { ...noTotals, connections: 5, sessions: 5 } }));
    const next = live();
    expect(next.audience().sessions).toBe(3);
    expect((await next.report(mount, report(3, { whole: false }))).wantsWhole).toBe(true);
    await next.report(mount, report(4, { totals: { ...noTotals, connections: 6, sessions: 6 } }));
    await vi.advanceTimersByTimeAsync(rosterSaveMs);
    expect(next.audience().sessions).toBe(6);
    expect(ledger.counters().listenerConnections).toBe(6);
  });

  it.each(["fails", "loses", "hangs"] as const)(
    "brings every record to the ledger once, though a call of it %s",
    async (fault) => {
      const { ledger, live, faults } = edge();
      const roster = live();
      faults.push(fault);
      const records = Array.from({ length: recordsPerCall + 5 }, (_, index) => record(index));
      await roster.report(mount, report(1, { records }));
      await vi.advanceTimersByTimeAsync(4 * rosterSaveMs);
      const first = ledger.records(0).records;
      const rest = ledger.records(first.at(-1)?.sequence ?? 0).records;
      expect([...first, ...rest].map(({ id }) => id)).toEqual(records.map(({ id }) => id));
    },
  );

  it("throws the salt of a day away at midnight", async () => {
    const { alarms, kept, live } = edge();
    const roster = live();
    const { endedMs: _, bytesSent: __, ...session } = record(1);
    await roster.report(mount, report(1, { joined: [session], byCountry: { "": 1 } }));
    expect(roster.audience().uniqueToday).toBe(1);
    expect(roster.list()).toEqual([session]);
    expect(roster.mayHave(1)).toBe(true);
    const midnightMs = Math.ceil(Date.now() / 86_400_000) * 86_400_000;
    await vi.advanceTimersByTimeAsync(rosterSaveMs);
    expect(alarms).toEqual([1_700_000_000_000 + rosterSaveMs, midnightMs]);
    await vi.advanceTimersByTimeAsync(midnightMs - Date.now());
    expect(roster.audience().uniqueToday).toBe(0);
    await roster.report(mount, report(2));
    await vi.advanceTimersByTimeAsync(rosterSaveMs);
    expect(kept.get("roster")).toMatchObject({ unique: null });
  });

  it("waits for nothing between two calls, so that it is not billed for the time", async () => {
    const { live } = edge();
    const roster = live();
    const waits = vi.fn<typeof wait>(wait);
    vi.stubGlobal("scheduler", { wait: waits });
    for (let order = 1; order <= 20; order++) {
      await roster.report(mount, report(order, { totals: { ...noTotals, bytesSent: order } }));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    // The ledger's answer alone, and that no longer than it takes.
    for (const [, { signal } = {}] of waits.mock.calls as [number, { signal?: AbortSignal }?][]) {
      expect(signal?.aborted).toBe(true);
    }
    expect(waits.mock.calls.length).toBeLessThanOrEqual(1 + (2 * 20_000) / rosterSaveMs);
  });

  it("tells what its last life had stored and not told, though nobody speaks any more", async () => {
    const { ledger, live, faults } = edge();
    faults.push("fails");
    await live().report(mount, report(1, { totals: { ...noTotals, connections: 3 } }));
    live();
    await vi.advanceTimersByTimeAsync(2 * rosterSaveMs);
    expect(ledger.counters().listenerConnections).toBe(3);
  });

  it("knows the sessions of a user", async () => {
    const roster = edge().live();
    const { endedMs: _, bytesSent: __, ...session } = record(1);
    const joined = [session, { ...session, id: 2, user: "ann" }];
    await roster.report(mount, report(1, { joined, byCountry: { "": 2 } }));
    expect([roster.sessionsOf("ann"), roster.sessionsOf("bob")]).toEqual([[2], []]);
  });
});

describe("the ledger", () => {
  const open = (stored = storage()) => new LedgerObject(stored.ctx, {} as never);

  it("keeps records until they were fetched, in order and numbered, over its lives", () => {
    const stored = storage();
    open(stored).report(mount, word(1, [record(1), record(2)]));
    const ledger = open(stored);
    const { records } = ledger.records(0);
    expect(records).toEqual([1, 2].map((id) => ({ ...record(id), sequence: expect.any(Number) as number })));
    // The answer was lost: the same again.
    expect(ledger.records(0).records).toEqual(records);
    ledger.report(mount, word(2, [record(3)], "life", 2));
    const next = ledger.records(records[1]?.sequence ?? 0).records;
    expect(next.map(({ id }) => id)).toEqual([3]);
    expect(next[0]?.sequence).toBeGreaterThan(records[1]?.sequence ?? Number.POSITIVE_INFINITY);
    expect(ledger.records(next[0]?.sequence ?? 0).records).toEqual([]);
  });

  it("takes a word that comes twice once, and one of another life", () => {
    const ledger = open();
    ledger.report(mount, word(7, [record(1)]));
    ledger.report(mount, word(7, [record(1)]));
    ledger.report(mount, word(8, [record(1), record(2)]));
    ledger.report(mount, word(1, [record(3)], "next life"));
    expect(ledger.records(0).records.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it("keeps the records of two sessions that have one number", () => {
    const ledger = open();
    ledger.report(mount, word(1, [record(1), { ...record(1), userAgent: "mpv" }]));
    expect(ledger.records(0).records.map(({ userAgent }) => userAgent)).toEqual(["VLC", "mpv"]);
  });

  it("numbers the records of a ledger that was lost beyond those that were fetched from it", () => {
    const first = open();
    first.report(mount, word(1, [record(1), record(2)]));
    const fetched = first.records(0).records.at(-1)?.sequence ?? 0;
    vi.advanceTimersByTime(60_000);
    const next = open();
    next.report(mount, word(1, [record(9)]));
    expect(next.records(fetched).records.map(({ id }) => id)).toEqual([9]);
  });

  it("drops the oldest of too many records and says how many", () => {
    const ledger = open();
    const all = Array.from({ length: ledgerRecords + 10 }, (_, index) => record(index));
    for (let from = 0; from < all.length; from += 10_000) {
      ledger.report(mount, word(from + 1, all.slice(from, from + 10_000), "life", from));
    }
    const { records, dropped } = ledger.records(0);
    // Rows of records go as a whole.
    expect(records[0]?.id).toBe(dropped);
    expect([records.length, dropped]).toEqual([recordsPerCall, 500]);
    expect(records.map(({ id }) => id)).toEqual(all.slice(500, 500 + recordsPerCall).map(({ id }) => id));
    const part = ledger.records(records[7]?.sequence ?? 0).records;
    expect(part[0]?.id).toBe(508);
  });

  it("adds up all mounts, the newest word of each", () => {
    const ledger = open();
    const other = mountPath("/other.mp3");
    const totals = { connections: 2, sessions: 1, bytesSent: 10, slowListeners: 1, sources: 1 };
    ledger.report(mount, { ...word(1, []), totals });
    ledger.report(mount, { ...word(2, []), totals: { ...totals, bytesSent: 30 } });
    ledger.report(other, { ...word(1, []), totals });
    const expected = { listenerConnections: 4, sourceConnections: 2, bytesSent: 40, slowListeners: 2 };
    expect(ledger.counters()).toEqual(expected);
  });
});
