import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chunkIndexOf, chunkKey } from "../../../shared/archive-format.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../../shared/object-format.ts";
import type { Segment } from "../../../shared/segment.ts";
import { Segmenter } from "../../../shared/segmenter.ts";
import { epoch, millis, type MountPath, sequence } from "../../../shared/units.ts";
import type { Host } from "../../../worker/mount-feed.ts";
import { FakeBucket } from "../../support/fake-bucket.ts";
import { fakeStorage } from "../../support/fake-storage.ts";
import { fixtures } from "../../support/fixture-audio.ts";
import { framesOf } from "../../support/stream-mp3.ts";

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
const { ArchiveObject } = await import("../../../worker/archive/archive-object.ts");
const { archive } = await import("../../../worker/archive/archive-reader.ts");
const { joinOf } = await import("../../../worker/archive/reader.ts");

const startMs = Date.UTC(2026, 10, 21, 12);

/** A fixture as an ingest host cuts it, `rounds` times over. */
function cut(file: string, at: number, fromMs: number, rounds = 1): Segment[] {
  const segmenter = new Segmenter({ epoch: epoch(at), targetMs: 500 });
  const frames = Array.from({ length: rounds }, () => framesOf(join(fixtures, file))).flat();
  let samples = 0;
  const segments = frames.flatMap((frame) => {
    const now = millis(fromMs + Math.round((samples * 1000) / frame.format.sampleRate));
    samples += frame.samples;
    return [...segmenter.push(frame, now)];
  });
  return [...segments, ...segmenter.flush()];
}

/** A mount's bucket, archive and an isolate's host. */
function station() {
  const bucket = new FakeBucket();
  const object = new ArchiveObject({ storage: fakeStorage() }, { SEGMENTS: bucket } as never);
  const env = { SEGMENTS: bucket, ARCHIVE: { getByName: () => object } };
  const host = { env, keepAlive: () => undefined, hostname: "test" } as unknown as Host;
  return { bucket, object, host };
}

async function store(bucket: FakeBucket, mount: MountPath, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    await bucket.put(segmentKey(mount, segment), segment.body, {
      customMetadata: encodeSegmentMetadata(segment),
    });
  }
}

async function merge(bucket: FakeBucket, mount: MountPath, segments: readonly Segment[]): Promise<void> {
  const [first, last] = [segments[0], segments.at(-1)];
  if (!first || !last) return;
  const at = { epoch: first.epoch, first: first.sequence, last: last.sequence };
  const parts = segments.map(({ body, reservoir, ...ref }) => ({
    ref: { ...ref, bytes: body.length },
    reservoir,
  }));
  await bucket.put(chunkKey(mount, at), Buffer.concat(segments.map(({ body }) => body)));
  await bucket.put(chunkKey(mount, at, "json"), JSON.stringify(chunkIndexOf(parts, "0".repeat(64))));
  await bucket.delete(segments.map((segment) => segmentKey(mount, segment)));
}

async function played(mount: MountPath, host: Host): Promise<Buffer> {
  const bodies: Uint8Array[] = [];
  for await (const piece of archive.pieces(mount, startMs, startMs + 3_600_000, host)) {
    const loaded = await archive.load(mount, piece, host);
    expect(loaded?.ref.sequence).toBe(piece.sequence);
    bodies.push(loaded?.body ?? new Uint8Array(0));
  }
  return Buffer.concat(bodies);
}

describe("the archive as requests read it", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: startMs + 600_000, toFake: ["Date"] });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("plays every byte in order over epochs and pages, and reads each segment once for all", async () => {
    const mount = mountPath("/once.mp3");
    const { bucket, host } = station();
    const segments = [
      ...cut("cbr128-joint44.mp3", 1, startMs + 290_000, 4),
      ...cut("vbr-v2.mp3", 2, startMs + 900_000),
    ];
    await store(bucket, mount, segments);
    const whole = Buffer.concat(segments.map(({ body }) => body));
    bucket.counts.get = 0;
    expect((await played(mount, host)).equals(whole)).toBe(true);
    expect((await played(mount, host)).equals(whole)).toBe(true);
    const documents = 2;
    expect(bucket.counts.get).toBe(segments.length + documents);
  });

  it.each([
    "cbr128-joint44.mp3",
    "vbr-v2.mp3",
    "mpeg2-22k-64.mp3",
    "mpeg25-8k-16.mp3",
    "cbr320.mp3",
    "layer2.mp2",
  ])("knows of each segment of %s in a chunk what its own object said", async (file) => {
    const segments = cut(file, 1, startMs);
    // Backwards, so that none has the one before it in memory.
    for (const order of ["backwards", "forwards"]) {
      const mount = mountPath(`/${order}/${file}`);
      const { bucket, host } = station();
      await merge(bucket, mount, segments);
      const pieces = [...(await archive.segments(mount, epoch(1), sequence(0), 1_000, host))];
      expect(pieces).toHaveLength(segments.length);
      for (const piece of order === "backwards" ? pieces.toReversed() : pieces) {
        const loaded = await archive.load(mount, piece, host);
        const segment = segments[piece.sequence];
        expect(Buffer.from(loaded?.body ?? []).equals(segment?.body ?? Buffer.alloc(0))).toBe(true);
        expect(Buffer.from(loaded?.reservoir ?? []).toString("hex")).toBe(
          Buffer.from(segment?.reservoir ?? []).toString("hex"),
        );
      }
    }
  });

  it("finds a segment that compaction has moved since its page was read", async () => {
    const mount = mountPath("/moved.mp3");
    const { bucket, object, host } = station();
    const segments = cut("cbr128-joint44.mp3", 1, startMs);
    await store(bucket, mount, segments);
    const first = await archive.pieceAt(mount, startMs, host);
    await merge(bucket, mount, segments);
    await object.rebuild(mount);
    const loaded = first && (await archive.load(mount, first.segment, host));
    expect(Buffer.from(loaded?.body ?? []).equals(segments[0]?.body ?? Buffer.alloc(0))).toBe(true);
  });

  it("primes where a recording does not go on with what was before, and only there", async () => {
    const mount = mountPath("/joins.mp3");
    const { bucket, host } = station();
    const segments = cut("cbr128-joint44.mp3", 1, startMs);
    const [lost, ...kept] = segments.slice(3);
    await store(bucket, mount, [...segments.slice(0, 3), ...kept]);
    const [next] = kept;
    const found = await archive.broadcast(mount, epoch(1), host);
    expect(found?.joins.map((at) => at.sequence)).toEqual([next?.sequence]);
    const expected = next && mp3.primer(next.body, mp3.indexFrames(next.body), 0, next.reservoir);
    expect(expected?.length).toBeGreaterThan(0);
    const primers = await archive.primers(mount, epoch(1), host);
    expect(primers).toEqual([{ epoch: 1, sequence: next?.sequence, bytes: expected, samples: 1_152 }]);
    const piece = (await archive.segments(mount, epoch(1), sequence(4), 1, host))[0];
    const loaded = piece && (await archive.load(mount, piece, host));
    if (!loaded || !lost) throw new Error("the segment is there");
    expect(joinOf({ epoch: epoch(1), sequence: sequence(2) }, loaded)).toEqual(expected);
    expect(joinOf(lost, loaded)).toHaveLength(0);
  });
});
