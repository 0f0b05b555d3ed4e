import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HoldResult } from "../../ingest/edge-client.ts";
import { openLog } from "../../ingest/log.ts";
import type { PublisherLimits } from "../../ingest/publisher-limits.ts";
import { SegmentPublisher, type SegmentStore } from "../../ingest/segment-publisher.ts";
import { Spool } from "../../ingest/spool.ts";
import { decodeSpoolFile, encodeSpoolFile, refOf, SpoolVersionError } from "../../ingest/spool-file.ts";
import { StorageClock } from "../../ingest/storage-clock.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../shared/object-format.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { Segment, SegmentRef } from "../../shared/segment.ts";
import { epoch, type MountPath, millis, sampleCount, sequence } from "../../shared/units.ts";
import { eventually } from "./running-ingest.ts";

const mount = mountPath("/live.mp3");
const publication = { announced: () => undefined, fenced: () => undefined };
let dataDir: string;
let logLines: string[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "skywave-spool-"));
  logLines = [];
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const log = () => openLog("debug", { write: (line) => void logLines.push(line) });
const folder = () => join(dataDir, "spool");
const files = (): string[] => (existsSync(folder()) ? readdirSync(folder()).toSorted() : []);
const openSpool = (limits: Partial<{ spoolBytes: number; spoolRetryMs: number }> = {}) =>
  new Spool({ folder: folder(), log: log(), limits });

/** Storage and edge in memory, that fail when they are told to. */
class Outside implements SegmentStore {
  readonly objects = new Map<string, Uint8Array>();
  /** Keys of every attempt, in order. */
  readonly attempts: string[] = [];
  readonly announced: SegmentRef[] = [];
  storage: () => "take" | "refuse" | "take and refuse" | "hang" = () => "take";
  edge: () => "hear" | "fail" = () => "hear";
  retryAfterMs = 0;

  async put(key: string, { body }: { body: Uint8Array }, signal: AbortSignal): Promise<"stored" | "exists"> {
    this.attempts.push(key);
    const what = this.storage();
    if (what === "hang") {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw new Error("given up");
    }
    await Promise.resolve();
    if (what === "refuse") throw Object.assign(new Error("refused"), { retryAfterMs: this.retryAfterMs });
    const taken = this.objects.has(key);
    if (!taken) this.objects.set(key, Uint8Array.from(body));
    if (what === "take and refuse") throw new Error("the answer was lost");
    return taken ? "exists" : "stored";
  }

  async announce({ segment: ref }: { segment: SegmentRef }): Promise<HoldResult> {
    await Promise.resolve();
    if (this.edge() === "fail") throw new Error("the edge is away");
    this.announced.push(ref);
    return { kind: "ok", reply: { orders: [] } };
  }

  get announcedAt(): number[] {
    return this.announced.map(({ sequence: at }) => at);
  }
}

function publisher(
  outside: Outside,
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
    limits: { retryFirstMs: 1, retryMaxMs: 4, ...limits },
  });
}

/** A second of audio. */
function segment(at: number, ofEpoch = 1, bytes = 1_000): Segment {
  const body = new Uint8Array(bytes).fill(at + ofEpoch * 31);
  return {
    epoch: epoch(ofEpoch),
    sequence: sequence(at),
    startMs: millis(1_700_000_000_000 + at),
    firstSample: sampleCount(at * 44_100),
    samples: sampleCount(44_100),
    sampleRate: 44_100,
    channels: 2,
    bytes: body.length,
    titles: [{ atSample: sampleCount(0), text: "안녕 🎶", url: "https://x/" }],
    body,
    reservoir: Uint8Array.of(1, 2, 3),
  };
}

const key = (at: number, ofEpoch = 1, of: MountPath = mount): string =>
  segmentKey(of, { epoch: epoch(ofEpoch), sequence: sequence(at) });
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);
const spooled = (of: Segment) => ({
  key: segmentKey(mount, of),
  object: { body: of.body, contentType: "audio/mpeg", metadata: encodeSegmentMetadata(of) },
});
async function restarted(outside: Outside, spool: Spool): Promise<SegmentPublisher[]> {
  const left = [...(await spool.scan())];
  return left.map(([of, entries]) => {
    const again = publisher(outside, spool, {}, of);
    again.restore(entries);
    return again;
  });
}

describe("a spool file", () => {
  const whole = encodeSpoolFile(spooled(segment(7)));

  it("gives back what is stored and what is announced", () => {
    const { body, reservoir: _, ...ref } = segment(7);
    const decoded = decodeSpoolFile(whole);
    expect(decoded.key).toBe(key(7));
    expect(new Uint8Array(decoded.object.body)).toEqual(body);
    expect(decoded.object.metadata).toEqual(encodeSegmentMetadata(segment(7)));
    expect(refOf(decoded)).toEqual(ref);
  });

  it("is recognised as torn wherever it was cut, and as damaged whichever byte is another", () => {
    for (let length = 0; length < whole.length; length += 7) {
      expect(() => decodeSpoolFile(whole.subarray(0, length))).toThrow(ProtocolError);
    }
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      expect(() => decodeSpoolFile(damaged)).toThrow(ProtocolError);
    }
    expect(() => decodeSpoolFile(Buffer.concat([whole, Buffer.of(0)]))).toThrow(ProtocolError);
  });

  it("of another version is told apart", () => {
    const text = whole.toString("latin1").replace("skywave-spool 1", "skywave-spool 2");
    expect(() => decodeSpoolFile(Buffer.from(text, "latin1"))).toThrow(SpoolVersionError);
  });

  it("decodes or throws ProtocolError, whatever it holds", () => {
    const header = fc.json().map((json) => Buffer.from(`skywave-spool 1 ${json.length} 0 00000000\n${json}`));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
          header,
        ),
        (bytes) => {
          try {
            decodeSpoolFile(Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
    );
  });
});

describe("a segment", () => {
  it("that storage takes at once never touches the disk", async () => {
    const outside = new Outside();
    const tested = publisher(outside, openSpool());
    tested.push(segment(0), publication);
    await tested.drained(10_000);
    await tested.stop();
    expect(existsSync(folder())).toBe(false);
    expect(outside.announcedAt).toEqual([0]);
  });

  it("that storage has not taken after a moment is on disk, and gone from it when it is stored", async () => {
    const outside = new Outside();
    outside.storage = () => (outside.attempts.length < 2 ? "hang" : "take");
    const tested = publisher(outside, openSpool(), { spoolDelayMs: 5, putTimeoutMs: 500 });
    tested.push(segment(0), publication);
    await eventually(() => files().length === 1);
    expect(outside.attempts).toHaveLength(1);
    expect(files()).toEqual([expect.stringMatching(/^[0-9a-f]{16}-0000000001-0000000000\.seg$/)]);
    await tested.drained(10_000);
    await tested.stop();
    expect(files()).toEqual([]);
    expect(outside.announcedAt).toEqual([0]);
  });

  it("that storage refuses, or behind which others wait, is on disk without that moment", async () => {
    for (const what of ["refuse", "hang"] as const) {
      const outside = new Outside();
      outside.storage = () => what;
      const tested = publisher(outside, openSpool(), { spoolDelayMs: 3_600_000 });
      tested.push(segment(0), publication);
      if (what === "hang") tested.push(segment(1), publication);
      await eventually(() => files().length === (what === "hang" ? 2 : 1));
      outside.storage = () => "take";
      await tested.stop();
    }
  });

  it("that nobody has asked the disk for is written when the process ends", async () => {
    const outside = new Outside();
    outside.storage = () => "hang";
    const tested = publisher(outside, openSpool(), { spoolDelayMs: 3_600_000 });
    tested.push(segment(0), publication);
    expect(await tested.stop()).toEqual({ spooled: 1, lost: 0 });
    expect(files()).toHaveLength(1);
  });

  it("beyond what memory holds is read again when its turn comes", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    const spool = openSpool();
    const tested = publisher(outside, spool, { queueHeldBytes: 2_500 });
    for (const at of range(0, 20)) {
      tested.push(segment(at), publication);
      await eventually(() => files().length === at + 1);
    }
    outside.storage = () => "take";
    await tested.finished(10_000);
    expect([...outside.objects.values()]).toEqual(range(0, 20).map((at) => segment(at).body));
    expect(outside.announcedAt).toEqual(range(0, 20));
    expect(tested.dropped).toBe(0);
    await tested.stop();
    expect(spool.state.bytes).toBe(0);
  });

  it("left by a process that died is stored by the next one, beside a new source on the mount", async () => {
    const away = new Outside();
    away.storage = () => "refuse";
    const dead = publisher(away, openSpool());
    for (const at of range(0, 5)) dead.push(segment(at), publication);
    expect(await dead.stop()).toEqual({ spooled: 5, lost: 0 });

    const outside = new Outside();
    outside.objects.set(key(2), segment(2).body);
    const spool = openSpool();
    const [again] = await restarted(outside, spool);
    expect(again?.queued.segments).toBe(5);
    expect(again?.backlog).toBe(5);
    again?.push(segment(0, 2), publication);
    await again?.finished(10_000);
    expect([...outside.objects.keys()].toSorted()).toEqual([...range(0, 5).map((at) => key(at)), key(0, 2)]);
    expect(outside.announced.map(({ epoch: of }) => of)).toEqual([2]);
    await again?.stop();
    expect(files()).toEqual([]);
  });

  it("whose file is torn costs a line of the log, and the others are stored", async () => {
    const away = new Outside();
    away.storage = () => "refuse";
    const dead = publisher(away, openSpool());
    for (const at of range(0, 4)) dead.push(segment(at), publication);
    await dead.stop();
    for (const at of [0, 2]) {
      const path = join(folder(), files()[at] ?? "");
      writeFileSync(path, readFileSync(path).subarray(0, 900));
    }
    writeFileSync(join(folder(), "notes.txt"), "not ours");
    const outside = new Outside();
    const [again] = await restarted(outside, openSpool());
    await again?.finished(10_000);
    await again?.stop();
    expect([...outside.objects.keys()]).toEqual([key(1), key(3)]);
    expect(files()).toEqual(["notes.txt"]);
    expect(logLines.filter((line) => line.includes("a file of the spool cannot be read"))).toHaveLength(2);
  });
});

describe("a spool that is full", () => {
  it("loses the oldest segments of the mount with the most, and counts them", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    const spool = openSpool({ spoolBytes: 100_000 });
    const large = publisher(outside, spool);
    const small = publisher(outside, spool, {}, mountPath("/small.mp3"));
    for (const at of range(0, 2)) small.push(segment(at, 1, 9_000), publication);
    for (const at of range(0, 20)) {
      large.push(segment(at, 1, 9_000), publication);
      await eventually(() => files().length >= 2 + Math.min(at + 1, 8));
    }
    await eventually(() => large.dropped > 10 && spool.state.bytes <= 100_000);
    expect(small.dropped).toBe(0);
    expect(large.dropped).toBe(spool.state.dropped);
    expect(large.queued.segments).toBe(20 - large.dropped);
    outside.storage = () => "take";
    await Promise.all([large.finished(10_000), small.finished(10_000)]);
    const ofLarge = [...outside.objects.keys()].filter((each) => each.startsWith("v1/live"));
    expect(ofLarge).toEqual(range(large.dropped, 20).map((at) => key(at)));
    await large.stop();
    await small.stop();
    expect(files()).toEqual([]);
  });
});

describe("a disk that fails", () => {
  it("stops nobody: segments wait in memory, the log says so once, and later they are on disk", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    // A file where the folder should be.
    writeFileSync(folder(), "");
    const spool = openSpool({ spoolRetryMs: 1 });
    const tested = publisher(outside, spool, { queueSegments: 3 });
    for (const at of range(0, 5)) tested.push(segment(at), publication);
    await eventually(() => spool.state.disk === "failing");
    expect(tested.dropped).toBe(2);
    expect(logLines.filter((line) => line.includes("cannot be kept on disk"))).toHaveLength(1);
    rmSync(folder());
    await new Promise((resolve) => setTimeout(resolve, 5));
    tested.push(segment(5), publication);
    await eventually(() => spool.state.disk === "ok" && files().length >= 3);
    expect(await tested.stop()).toEqual({ spooled: tested.queued.segments, lost: 0 });
    const next = new Outside();
    const [again] = await restarted(next, openSpool());
    await again?.finished(10_000);
    expect(next.objects.has(key(5))).toBe(true);
    expect(next.objects.size).toBe(tested.queued.segments);
  });
});

describe("after an outage", () => {
  const limits = { liveBacklogMs: 60, liveResumeMs: 3_000 };

  it("that was long the newest end is announced first, and the rest is stored behind it, in order", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    const tested = publisher(outside, openSpool(), limits);
    for (const at of range(0, 20)) tested.push(segment(at), publication);
    await eventually(() => tested.backlog > 0);
    expect(tested.backlog).toBe(17);
    outside.storage = () => "take";
    await tested.drained(10_000);
    expect(outside.announcedAt).toEqual([17, 18, 19]);
    tested.push(segment(20), publication);
    await tested.finished(10_000);
    expect(outside.announcedAt).toEqual([17, 18, 19, 20]);
    const order = [...outside.objects.keys()];
    expect(order.slice(0, 3)).toEqual(range(17, 20).map((at) => key(at)));
    expect(order.filter((each) => each < key(17))).toEqual(range(0, 17).map((at) => key(at)));
    expect(order.indexOf(key(20))).toBeLessThan(order.indexOf(key(16)));
    await tested.stop();
    expect(files()).toEqual([]);
  });

  it("that was long the first that is announced says what title is in force", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    const tested = publisher(outside, openSpool(), limits);
    const untitled = (at: number) => ({ ...segment(at), titles: [] });
    const later = { atSample: sampleCount(22_050), text: "Late title" };
    for (const at of range(0, 20)) {
      tested.push(at === 10 ? { ...segment(at), titles: [later] } : untitled(at), publication);
    }
    await eventually(() => tested.backlog > 0);
    outside.storage = () => "take";
    await tested.finished(10_000);
    expect(outside.announced.map(({ titles }) => titles)).toEqual([
      [{ atSample: 0, text: "Late title" }],
      [],
      [],
    ]);
    await tested.stop();
  });

  it("that was short everything is announced, in order", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    const tested = publisher(outside, openSpool());
    for (const at of range(0, 20)) tested.push(segment(at), publication);
    await eventually(() => outside.attempts.length >= 5);
    expect(new Set(outside.attempts)).toEqual(new Set([key(0)]));
    outside.storage = () => "take";
    await tested.drained(10_000);
    expect(outside.announcedAt).toEqual(range(0, 20));
    await tested.stop();
  });

  it("of the edge alone the archive is complete meanwhile", async () => {
    const outside = new Outside();
    outside.edge = () => "fail";
    const tested = publisher(outside, openSpool(), limits);
    for (const at of range(0, 20)) tested.push(segment(at), publication);
    await eventually(() => outside.objects.size >= 17);
    expect(tested.failing).toBe("edge");
    outside.edge = () => "hear";
    await tested.finished(10_000);
    expect(outside.objects.size).toBe(20);
    expect(outside.announcedAt.at(-1)).toBe(19);
    expect(outside.announcedAt.length).toBeLessThanOrEqual(4);
    await tested.stop();
  });

  it("storage that asks for time gets it", async () => {
    const outside = new Outside();
    outside.storage = () => "refuse";
    outside.retryAfterMs = 400;
    const tested = publisher(outside, openSpool());
    tested.push(segment(0), publication);
    await eventually(() => outside.attempts.length === 1);
    outside.storage = () => "take";
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(outside.attempts).toHaveLength(1);
    await tested.drained(10_000);
    expect(outside.objects.size).toBe(1);
    await tested.stop();
  });
});

describe("whatever fails and whenever the process ends", () => {
  it("every segment is stored, as it was, and announcements never go back", { timeout: 60_000 }, async () => {
    const event = fc.constantFrom("push", "push", "push", "fail", "lose", "heal", "edge", "wait", "kill");
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (events) => {
        rmSync(folder(), { recursive: true, force: true });
        const outside = new Outside();
        const limits = { liveBacklogMs: 3, liveResumeMs: 2_000, queueHeldBytes: 1_500 };
        let tested = publisher(outside, openSpool(), limits);
        let ofEpoch = 1;
        let next = 0;
        const pushed: Segment[] = [];
        const restart = async () => {
          expect((await tested.stop()).lost).toBe(0);
          const spool = openSpool();
          const left = [...(await spool.scan())];
          tested = publisher(outside, spool, limits);
          for (const [, entries] of left) tested.restore(entries);
          ofEpoch++;
          next = 0;
        };
        for (const each of events) {
          if (each === "fail") outside.storage = () => "refuse";
          if (each === "lose") outside.storage = () => "take and refuse";
          if (each === "edge") outside.edge = () => "fail";
          if (each === "heal") {
            outside.storage = () => "take";
            outside.edge = () => "hear";
          }
          if (each === "wait") await new Promise((resolve) => setTimeout(resolve, 4));
          if (each === "kill") await restart();
          if (each !== "push") continue;
          const made = segment(next++, ofEpoch);
          pushed.push(made);
          tested.push(made, publication);
        }
        outside.storage = () => "take";
        outside.edge = () => "hear";
        await tested.finished(10_000);
        await tested.stop();
        expect(outside.objects.size).toBe(pushed.length);
        for (const made of pushed) {
          expect(outside.objects.get(segmentKey(mount, made))).toEqual(made.body);
        }
        const order = outside.announced.map((ref) => segmentKey(mount, ref));
        expect(order).toEqual([...new Set(order)].toSorted());
        expect(files()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the clock of storage", () => {
  const at = Date.parse("2026-11-21T06:26:16Z");
  const date = "Sat, 21 Nov 2026 06:26:16 GMT";

  it("corrects ours when it is an hour off, in either direction, and again when ours is set right", () => {
    for (const offsetMs of [3_600_000, -3_600_000]) {
      let local = at + offsetMs;
      const clock = new StorageClock(() => local);
      expect(clock.learn(date)).toBe(-offsetMs);
      expect(clock.signingDate).toBe("20261121T062616Z");
      expect(clock.learn(date)).toBeNull();
      local = at;
      expect(clock.learn(date)).toBe(0);
      expect(clock.signingDate).toBe("20261121T062616Z");
    }
  });

  it.each([
    ["agrees", date, at + 30_000],
    ["is absent", undefined, at],
    ["is no date", "yesterday", at],
    ["is years away", date, at - 10 ** 11],
  ])("is not believed when its date %s", (_, said, local) => {
    const clock = new StorageClock(() => local);
    expect(clock.learn(said)).toBeNull();
    expect(clock.nowMs).toBe(local);
  });
});
