import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HoldResult } from "../../ingest/edge-client.ts";
import { spoolOperations, spoolScanMs } from "../../ingest/limits.ts";
import { openLog } from "../../ingest/log.ts";
import type { PublisherLimits } from "../../ingest/publisher-limits.ts";
import { SegmentPublisher, type SegmentStore } from "../../ingest/segment-publisher.ts";
import { Spool } from "../../ingest/spool.ts";
import { type Files, nodeFiles } from "../../ingest/spool-disk.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../shared/object-format.ts";
import type { Segment, SegmentRef } from "../../shared/segment.ts";
import { epoch, type MountPath, millis, sampleCount, sequence } from "../../shared/units.ts";
import { eventually } from "./running-ingest.ts";

const mount = mountPath("/live.mp3");
const publication = { announced: () => undefined, fenced: () => undefined };
let folder: string;
let logLines: string[];
let disk: TestDisk;
let outside: Outside;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-disk-"));
  logLines = [];
  disk = new TestDisk();
  outside = new Outside();
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

type Operation = "list" | "size" | "read" | "write" | "remove";

/** A real disk of which some operations do not settle until they are told to, and that counts what it is asked. */
class TestDisk implements Files {
  readonly hangs = new Set<Operation>();
  isFull = false;
  inFlight = 0;
  /** The most operations that were in flight at the same time. */
  most = 0;
  readonly started: Operation[] = [];
  #held: (() => void)[] = [];

  list = (path: string) => this.#do("list", () => nodeFiles.list(path));
  size = (path: string) => this.#do("size", () => nodeFiles.size(path));
  read = (path: string) => this.#do("read", () => nodeFiles.read(path));
  write = (path: string, bytes: Buffer) =>
    this.#do("write", () =>
      this.isFull ? Promise.reject(new Error("no space left")) : nodeFiles.write(path, bytes),
    );
  remove = (path: string) => this.#do("remove", () => nodeFiles.remove(path));
  makeFolder = (path: string) => nodeFiles.makeFolder(path);

  comesBack(): void {
    this.hangs.clear();
    for (const release of this.#held.splice(0)) release();
  }

  async #do<T>(what: Operation, work: () => Promise<T>): Promise<T> {
    this.started.push(what);
    this.most = Math.max(this.most, ++this.inFlight);
    try {
      if (this.hangs.has(what)) await new Promise<void>((resolve) => this.#held.push(resolve));
      return await work();
    } finally {
      this.inFlight--;
    }
  }
}

/** Storage and edge in memory. */
class Outside implements SegmentStore {
  readonly objects = new Map<string, Uint8Array>();
  readonly announced: SegmentRef[] = [];
  isAway = false;

  async put(key: string, { body }: { body: Uint8Array }): Promise<"stored" | "exists"> {
    await Promise.resolve();
    if (this.isAway) throw new Error("refused");
    if (this.objects.has(key)) return "exists";
    this.objects.set(key, Uint8Array.from(body));
    return "stored";
  }

  async announce({ segment: ref }: { segment: SegmentRef }): Promise<HoldResult> {
    await Promise.resolve();
    this.announced.push(ref);
    return { kind: "ok", reply: { orders: [] } };
  }

  get announcedAt(): number[] {
    return this.announced.map(({ sequence: at }) => at);
  }
}

const log = () => openLog("debug", { write: (line) => void logLines.push(line) });
const files = (): string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : []);
const openSpool = (limits: Partial<{ spoolBytes: number; spoolRetryMs: number; spoolWaitMs: number }> = {}) =>
  new Spool({ folder, log: log(), limits: { spoolWaitMs: 20, spoolRetryMs: 10, ...limits }, files: disk });

function publisher(
  spool: Spool,
  limits: Partial<PublisherLimits> = {},
  of: MountPath = mount,
): SegmentPublisher {
  return new SegmentPublisher({
    mount: of,
    extension: "mp3",
    contentType: "audio/mpeg",
    store: outside,
    announcer: outside,
    spool,
    log: log(),
    limits: { retryFirstMs: 1, retryMaxMs: 4, spoolWaitMs: 20, ...limits },
  });
}

/** A second of audio. */
function segment(at: number, ofEpoch = 1): Segment {
  const body = new Uint8Array(1_000).fill(at + ofEpoch * 31);
  return {
    epoch: epoch(ofEpoch),
    sequence: sequence(at),
    startMs: millis(1_700_000_000_000 + at),
    firstSample: sampleCount(at * 44_100),
    samples: sampleCount(44_100),
    sampleRate: 44_100,
    channels: 2,
    bytes: body.length,
    titles: [],
    body,
    reservoir: Uint8Array.of(1, 2, 3),
  };
}

const spooled = (of: Segment) => ({
  key: segmentKey(mount, of),
  object: { body: of.body, contentType: "audio/mpeg", metadata: encodeSegmentMetadata(of) },
});
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

describe("a disk that hangs", () => {
  it("while it is written to: everything is put and announced, two operations are lost to it, and later all is as before", async () => {
    const spool = openSpool();
    const other = mountPath("/other.mp3");
    const both = [publisher(spool), publisher(spool, {}, other)];
    disk.hangs.add("write");
    for (const at of range(0, 10)) for (const each of both) each.push(segment(at), publication);
    await Promise.all(both.map((each) => each.drained(10_000)));
    expect(outside.objects.size).toBe(20);
    expect(outside.announcedAt.toSorted((a, b) => a - b)).toEqual(range(0, 10).flatMap((at) => [at, at]));
    expect(disk.started).toEqual(["write", "write"]);
    await eventually(() => spool.state.disk === "failing");
    expect(logLines.filter((line) => line.includes("cannot be kept on disk"))).toHaveLength(1);

    disk.comesBack();
    await eventually(() => spool.state.disk === "ok" && spool.state.bytes === 0 && disk.inFlight === 0);
    expect(files()).toEqual([]);
    expect(logLines.filter((line) => line.includes("kept on disk again"))).toHaveLength(1);
    outside.isAway = true;
    for (const at of range(10, 14)) both[0]?.push(segment(at), publication);
    await eventually(() => files().length === 4);
    outside.isAway = false;
    await both[0]?.finished(10_000);
    await eventually(() => files().length === 0);
    expect(disk.most).toBe(spoolOperations);
    for (const each of both) expect(each.dropped).toBe(0);
  });

  it("and storage is away as well: what waits is on disk when that comes back, though nothing more is pushed", async () => {
    const spool = openSpool();
    const tested = publisher(spool);
    outside.isAway = true;
    disk.hangs.add("write");
    for (const at of range(0, 8)) tested.push(segment(at), publication);
    await eventually(() => spool.state.disk === "failing");
    disk.comesBack();
    await eventually(() => files().length === 8);
    expect(spool.state.disk).toBe("ok");
    expect(await tested.stop()).toEqual({ spooled: 8, lost: 0 });
  });

  it("while files are removed: they are gone when it comes back", async () => {
    const spool = openSpool();
    const tested = publisher(spool);
    outside.isAway = true;
    for (const at of range(0, 8)) tested.push(segment(at), publication);
    await eventually(() => files().length === 8);
    disk.hangs.add("remove");
    outside.isAway = false;
    await tested.finished(10_000);
    expect(outside.announcedAt).toEqual(range(0, 8));
    await eventually(() => spool.state.disk === "failing");
    expect(disk.started.filter((what) => what === "remove")).toHaveLength(spoolOperations);
    expect(files()).toHaveLength(8);
    disk.comesBack();
    await eventually(() => files().length === 0);
    expect(spool.state).toMatchObject({ disk: "ok", bytes: 0 });
    await tested.stop();
  });

  it("while files are read: what is live goes on without them, and they are stored later", async () => {
    const before = publisher(openSpool());
    outside.isAway = true;
    for (const at of range(0, 5)) before.push(segment(at), publication);
    expect(await before.stop()).toEqual({ spooled: 5, lost: 0 });

    outside.isAway = false;
    const spool = openSpool();
    const left = await spool.scan();
    const tested = publisher(spool);
    disk.started.length = 0;
    disk.hangs.add("read");
    tested.restore(left.get(mount) ?? []);
    for (const at of range(0, 4)) tested.push(segment(at, 2), publication);
    await tested.drained(10_000);
    expect(outside.announced.map(({ epoch: of }) => of)).toEqual([2, 2, 2, 2]);
    await eventually(() => disk.started.filter((what) => what === "read").length === spoolOperations);
    expect(tested.backlog).toBe(5);
    disk.comesBack();
    await tested.finished(10_000);
    expect(outside.objects.size).toBe(9);
    expect(tested.dropped).toBe(0);
    await eventually(() => files().length === 0);
  });

  it("while a live segment is read: those after it are announced, and it is stored behind them", async () => {
    const spool = openSpool();
    const tested = publisher(spool, { queueHeldBytes: 0 });
    outside.isAway = true;
    tested.push(segment(0), publication);
    await eventually(() => files().length === 1);
    disk.hangs.add("read");
    await eventually(() => tested.backlog === 1);
    disk.hangs.add("write");
    tested.push(segment(1), publication);
    outside.isAway = false;
    await eventually(() => outside.announcedAt.includes(1));
    expect(tested.backlog).toBe(1);
    disk.comesBack();
    await tested.finished(10_000);
    expect(outside.objects.size).toBe(2);
    expect(outside.announcedAt).toEqual([1]);
    await tested.stop();
  });

  it("after an outage of storage: what is in memory is stored before what cannot be read", async () => {
    const spool = openSpool();
    const tested = publisher(spool, { queueHeldBytes: 0, liveBacklogMs: 30, liveResumeMs: 2_000 });
    outside.isAway = true;
    for (const at of range(0, 3)) tested.push(segment(at), publication);
    await eventually(() => files().length === 3);
    disk.hangs.add("read").add("write");
    for (const at of range(3, 10)) tested.push(segment(at), publication);
    await eventually(() => tested.backlog === 8 && spool.state.disk === "failing");
    outside.isAway = false;
    await eventually(() => outside.objects.size === 7);
    expect([...outside.objects.keys()].toSorted()).toEqual(
      range(3, 10).map((at) => segmentKey(mount, segment(at))),
    );
    expect(outside.announcedAt).toEqual([8, 9]);
    disk.comesBack();
    await tested.finished(10_000);
    expect(outside.objects.size).toBe(10);
    await tested.stop();
  });

  it("at the start: what an earlier process left waits for the next start", async () => {
    const before = publisher(openSpool());
    outside.isAway = true;
    for (const at of range(0, 3)) before.push(segment(at), publication);
    await before.stop();
    disk.hangs.add("read");
    expect((await openSpool().scan()).size).toBe(0);
    disk.comesBack();
    vi.useFakeTimers();
    for (const what of ["list", "size"] as const) {
      disk.hangs.add(what);
      const scanning = openSpool().scan();
      await vi.waitFor(() => expect(disk.inFlight).toBeGreaterThan(0));
      await vi.advanceTimersByTimeAsync(spoolScanMs);
      expect((await scanning).size).toBe(0);
      disk.comesBack();
      await vi.waitFor(() => expect(disk.inFlight).toBe(0));
    }
    vi.useRealTimers();
    expect((await openSpool().scan()).get(mount)).toHaveLength(3);
  });

  it("at any time, and comes back: every segment is stored, and no file stays", {
    timeout: 60_000,
  }, async () => {
    const event = fc.constantFrom("push", "push", "push", "write", "read", "remove", "back", "away", "wait");
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 30 }), async (events) => {
        disk = new TestDisk();
        outside = new Outside();
        const spool = openSpool({ spoolWaitMs: 2, spoolRetryMs: 1 });
        const limits = { liveBacklogMs: 3, liveResumeMs: 2_000, queueHeldBytes: 1_500, spoolWaitMs: 2 };
        const tested = publisher(spool, limits);
        const pushed: Segment[] = [];
        for (const each of events) {
          if (each === "write" || each === "read" || each === "remove") disk.hangs.add(each);
          if (each === "back") disk.comesBack();
          if (each === "away") outside.isAway = !outside.isAway;
          if (each === "wait") await new Promise((resolve) => setTimeout(resolve, 4));
          if (each !== "push") continue;
          const made = segment(pushed.length);
          pushed.push(made);
          tested.push(made, publication);
        }
        outside.isAway = false;
        disk.comesBack();
        await tested.finished(10_000);
        expect([...outside.objects.keys()].toSorted()).toEqual(pushed.map((made) => segmentKey(mount, made)));
        expect(outside.announcedAt).toEqual([...new Set(outside.announcedAt)].toSorted((a, b) => a - b));
        await eventually(() => files().length === 0 && spool.state.bytes === 0);
        expect(disk.most).toBeLessThanOrEqual(spoolOperations);
        expect(tested.dropped).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a disk that was full", () => {
  it("is offered what it refused, one at a time, though nothing more is pushed", async () => {
    const spool = openSpool();
    const tested = publisher(spool);
    outside.isAway = true;
    disk.isFull = true;
    for (const at of range(0, 6)) tested.push(segment(at), publication);
    await eventually(() => spool.state.disk === "failing" && disk.inFlight === 0);
    disk.most = 0;
    disk.isFull = false;
    await eventually(() => files().length === 6);
    expect(disk.most).toBe(1);
    expect(spool.state.disk).toBe("ok");
    expect(await tested.stop()).toEqual({ spooled: 6, lost: 0 });
  });
});

describe("a mount that has no files any more", () => {
  it("is not asked for room", async () => {
    const spool = openSpool({ spoolBytes: 5_000 });
    const asked: string[] = [];
    const share = (name: MountPath) => spool.share(name, () => asked.push(name) < 0);
    const idle = share(mountPath("/idle.mp3"));
    const entry = await idle.write(spooled(segment(0)), segment(0));
    if (entry) await idle.remove(entry);
    const busy = share(mount);
    for (const at of range(0, 3)) await busy.write(spooled(segment(at)), segment(at));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(new Set(asked)).toEqual(new Set([mount]));
  });
});
