import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Broadcast } from "../../shared/broadcast.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { concatenate } from "../../shared/concatenate.ts";
import { comparePosition } from "../../shared/segment.ts";
import { type Epoch, epoch, millis, type MountPath, sampleCount, sequence } from "../../shared/units.ts";
import type { ArchivedSegment } from "../../worker/archive/archived-segment.ts";
import { BroadcastFile, timesOf } from "../../worker/archive/broadcast-file.ts";
import { CutFile } from "../../worker/archive/cut-file.ts";
import { readAtOnceBytes } from "../../worker/archive/file-limits.ts";
import {
  type ArchiveReader,
  continues,
  joinOf,
  type NamedBroadcast,
  type Primer,
} from "../../worker/archive/reader.ts";
import { recordingReply } from "../../worker/archive/recording-reply.ts";
import type { Host } from "../../worker/mount-feed.ts";
import { LoadedSegment } from "../../worker/segment-cache.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { framesOf } from "../support/stream-mp3.ts";

const mount = "/live.mp3" as MountPath;

interface Shape {
  readonly bytes: number;
  /** Of what goes before it; 0: it continues. */
  readonly primer: number;
  /** In the chunk of those before it. */
  readonly inChunk: boolean;
}

/** An archive of one broadcast in memory, whose bytes tell where they are. Each primed segment begins an epoch. */
function memoryArchive(shapes: readonly Shape[]) {
  const segments: ArchivedSegment[] = [];
  const bodies = new Map<string, Uint8Array>();
  const chunks = new Map<string, Uint8Array>();
  const primers: Primer[] = [];
  let fill = 0;
  const bytesOf = (size: number) => Uint8Array.from({ length: size }, () => (fill = (fill * 31 + 7) % 251));
  let [at, chunk, chunkAt] = [{ epoch: 1, sequence: 0 }, 0, 0];
  for (const [index, { bytes, primer, inChunk }] of shapes.entries()) {
    if (index > 0)
      at = primer > 0 ? { epoch: at.epoch + 2, sequence: 0 } : { ...at, sequence: at.sequence + 1 };
    const position = { epoch: epoch(at.epoch), sequence: sequence(at.sequence) };
    const body = bytesOf(bytes);
    const isNewChunk = !inChunk || primer > 0 || index === 0;
    if (isNewChunk) [chunk, chunkAt] = [chunk + 1, 0];
    const key = inChunk ? `chunk ${chunk}` : `segment ${index}`;
    const stored = { key, offset: inChunk ? chunkAt : 0, isChunk: inChunk, lead: 0 };
    if (inChunk) chunks.set(key, concatenate([chunks.get(key) ?? new Uint8Array(0), body]));
    if (inChunk) chunkAt += bytes;
    segments.push({
      ...position,
      startMs: millis(index * 2_000),
      firstSample: sampleCount(0),
      samples: sampleCount(88_200),
      sampleRate: 44_100,
      bytes,
      titles: [],
      stored,
    });
    bodies.set(`${position.epoch}/${position.sequence}`, body);
    if (primer > 0) primers.push({ ...position, bytes: bytesOf(primer), samples: 1_152 });
  }
  const reads: string[] = [];
  const reader = {
    primers: () => Promise.resolve(primers),
    segments: (_: MountPath, of: Epoch, from: number, limit: number) =>
      Promise.resolve(segments.filter((each) => each.epoch === of && each.sequence >= from).slice(0, limit)),
    segmentAtByte: (_: MountPath, __: Epoch, byte: number) => {
      let bytesBefore = 0;
      for (const segment of segments) {
        if (byte < bytesBefore + segment.bytes) return Promise.resolve({ segment, bytesBefore });
        bytesBefore += segment.bytes;
      }
      return Promise.resolve(null);
    },
    load: (_: MountPath, segment: ArchivedSegment) => {
      reads.push(segment.stored.key);
      const body = bodies.get(`${segment.epoch}/${segment.sequence}`) ?? new Uint8Array(0);
      return new LoadedSegment(segment, body, new Uint8Array(0));
    },
  };
  const get = (key: string, { range }: { range: { offset: number; length: number } }) => {
    reads.push(key);
    const body = chunks.get(key)?.slice(range.offset, range.offset + range.length);
    return Promise.resolve(body ? { arrayBuffer: () => Promise.resolve(body.buffer) } : null);
  };
  const host = { env: { SEGMENTS: { get } } } as unknown as Host;
  const joins: Broadcast["joins"] = primers.map((primer) => ({
    kind: "reconnect",
    atMs: 2_000 * segments.findIndex((segment) => comparePosition(segment, primer) === 0),
    missingMs: 0,
    epoch: primer.epoch,
    sequence: primer.sequence,
  }));
  const whole = concatenate(
    segments.flatMap((segment) => {
      const primer = primers.find((each) => comparePosition(each, segment) === 0);
      const body = bodies.get(`${segment.epoch}/${segment.sequence}`) ?? new Uint8Array(0);
      return primer ? [primer.bytes, body] : [body];
    }),
  );
  const broadcast: NamedBroadcast = {
    mount,
    id: epoch(1),
    name: "2026-11-21.mp3",
    epochs: [...new Set(segments.map((segment) => segment.epoch))],
    startMs: millis(0),
    endMs: segments.length * 2_000,
    durationMs: segments.length * 2_000,
    samples: [{ sampleRate: 44_100, samples: segments.length * 88_200 }],
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    segments: segments.length,
    source: null,
    titles: [
      { atMs: 0, wallMs: 0, text: "One" },
      { atMs: 1_000, wallMs: 0, text: "Two" },
    ],
    listenerPeak: 0,
    joins,
  };
  return { reader, host, broadcast, primers, whole, reads, segments };
}

const collect = async (parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part.slice());
  return concatenate(all);
};

const fileOf = ({ broadcast, primers, reader, host }: ReturnType<typeof memoryArchive>, onAir = false) =>
  new BroadcastFile(
    { ...broadcast, endMs: onAir ? null : broadcast.endMs },
    primers,
    { title: "T" },
    { reader, host },
  );

const shape: fc.Arbitrary<Shape> = fc.record({
  bytes: fc.integer({ min: 1, max: 60 }),
  primer: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90 })),
  inChunk: fc.boolean(),
});

describe("the file of a broadcast", () => {
  it("is a tag, then every frame, primed at joins: and each range of it is that slice of the whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(shape, { minLength: 1, maxLength: 90 }),
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        async (shapes, a, b, onAir) => {
          const archive = memoryArchive(shapes);
          const file = fileOf(archive, onAir);
          const whole = concatenate([file.tag, archive.whole]);
          expect(file.size).toBe(whole.length);
          const [from, to] = [a % whole.length, b % (whole.length + 1)].toSorted((x, y) => x - y) as [
            number,
            number,
          ];
          expect(await collect(file.read(from, to))).toEqual(whole.subarray(from, to));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("has its places beyond 32 bits where they are", async () => {
    const gigabytes = 6_000_000_000;
    const archive = memoryArchive([
      { bytes: 10, primer: 0, inChunk: false },
      { bytes: 10, primer: 5, inChunk: false },
    ]);
    const [first, second] = archive.segments;
    if (!first || !second) throw new Error("two segments");
    const broadcast = { ...archive.broadcast, bytes: gigabytes + 10 };
    const reader = {
      ...archive.reader,
      segmentAtByte: (_: MountPath, __: Epoch, byte: number) =>
        Promise.resolve(
          byte < gigabytes ? { segment: first, bytesBefore: 0 } : { segment: second, bytesBefore: gigabytes },
        ),
    };
    const file = new BroadcastFile(broadcast, archive.primers, { title: "" }, { reader, host: archive.host });
    expect(await collect(file.read(file.size - 12, file.size))).toEqual(archive.whole.subarray(-12));
    expect(archive.reads).toEqual(["segment 1"]);
  });

  it("reads what lies together at once, no more than a megabyte, and nothing that is not asked for", async () => {
    const part = { bytes: 30_000, primer: 0, inChunk: true };
    const archive = memoryArchive(Array.from({ length: 100 }, () => part));
    const file = fileOf(archive);
    await collect(file.read(0, file.size));
    expect(archive.reads).toHaveLength(
      Math.ceil((100 * 30_000) / (Math.floor(readAtOnceBytes / 30_000) * 30_000)),
    );
    archive.reads.length = 0;
    await collect(file.read(file.size - 10, file.size));
    await collect(file.read(0, 5));
    expect(archive.reads).toHaveLength(1);
  });

  it("ends with an error, not early, when storage lacks a segment", async () => {
    const archive = memoryArchive([
      { bytes: 10, primer: 0, inChunk: false },
      { bytes: 10, primer: 0, inChunk: false },
    ]);
    const file = fileOf({
      ...archive,
      reader: { ...archive.reader, load: () => null as unknown as LoadedSegment },
    });
    await expect(collect(file.read(0, file.size))).rejects.toThrow("storage does not have segment 0");
    const short = fileOf({ ...archive, broadcast: { ...archive.broadcast, bytes: 25 } });
    await expect(collect(short.read(0, short.size))).rejects.toThrow("ended 5 bytes early");
  });

  it("counts primers in the times of its chapters", () => {
    const archive = memoryArchive([{ bytes: 1, primer: 9, inChunk: false }]);
    const { durationMs, chapters } = timesOf(archive.broadcast, archive.primers);
    const primerMs = (1_152 * 1_000) / 44_100;
    expect(durationMs).toBeCloseTo(2_000 + primerMs);
    expect(chapters.map(({ startMs }) => startMs)).toEqual([primerMs, 1_000 + primerMs]);
  });
});

describe("a cut", () => {
  const frames = framesOf(`${fixtures}/cbr128-joint44.mp3`).slice(0, 600);

  /** Segments of 40 real frames; every third continues nothing. */
  function audioArchive() {
    const segments: ArchivedSegment[] = [];
    const loaded = new Map<string, LoadedSegment>();
    let at = { epoch: 1, sequence: -1 };
    for (let index = 0; index < frames.length; index += 40) {
      const some = frames.slice(index, index + 40);
      at =
        index > 0 && index % 120 === 0
          ? { epoch: at.epoch + 1, sequence: 0 }
          : { ...at, sequence: at.sequence + 1 };
      const body = concatenate(some.map(({ bytes }) => bytes));
      const segment: ArchivedSegment = {
        epoch: epoch(at.epoch),
        sequence: sequence(at.sequence),
        startMs: millis(Math.round((index * 1_152_000) / 44_100)),
        firstSample: sampleCount(0),
        samples: sampleCount(some.length * 1_152),
        sampleRate: 44_100,
        bytes: body.length,
        titles: [{ atSample: sampleCount(11_520), text: `Song ${index / 40}` }],
        stored: { key: `${index}`, offset: 0, isChunk: false, lead: 0 },
      };
      segments.push(segment);
      loaded.set(
        segment.stored.key,
        new LoadedSegment(segment, body, some[0]?.reservoir.slice() ?? new Uint8Array(0)),
      );
    }
    const reader: Pick<ArchiveReader, "pieces" | "load"> = {
      async *pieces(_, fromMs, toMs) {
        const end = (segment: ArchivedSegment) => segment.startMs + (segment.samples * 1_000) / 44_100;
        yield* segments.filter((segment) => end(segment) > fromMs && segment.startMs < toMs);
      },
      load: (_, segment) => loaded.get(segment.stored.key) ?? Promise.resolve(null),
    };
    return { reader, segments, loaded };
  }

  it("has the frames that were on air, primed at its start and at joins, and ranges are slices of it", async () => {
    const { reader, segments, loaded } = audioArchive();
    const host = {} as Host;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(15_000),
        fc.integer({ min: 30, max: 9_000 }),
        fc.nat(),
        fc.nat(),
        async (fromMs, ms, a, b) => {
          const toMs = Math.min(fromMs + ms, 15_600);
          const cut = await CutFile.open({ mount, fromMs, toMs }, { title: "C" }, "Before", { reader, host });
          if (!cut) throw new Error("something was on air");
          const whole = await collect(cut.read(0, cut.size));
          expect(whole.length).toBe(cut.size);
          const expected: Uint8Array[] = [];
          let before: ArchivedSegment | null = null;
          for (const segment of segments) {
            const own = loaded.get(segment.stored.key);
            if (!own) continue;
            let isPrimed = before !== null && continues(before, segment);
            for (const [index, frame] of own.frames.entries()) {
              const start = segment.startMs + (index * 1_152_000) / 44_100;
              const end = segment.startMs + ((index + 1) * 1_152_000) / 44_100;
              if (end <= fromMs || start >= toMs) continue;
              if (!isPrimed) expected.push(joinOf(before, own, index));
              isPrimed = true;
              expected.push(own.body.subarray(frame.offset, frame.offset + frame.size));
              before = segment;
            }
          }
          expect(whole.subarray(cut.tag.length)).toEqual(concatenate(expected));
          const [from, to] = [a % whole.length, b % (whole.length + 1)].toSorted((x, y) => x - y) as [
            number,
            number,
          ];
          expect(await collect(cut.read(from, to))).toEqual(whole.subarray(from, to));
          expect(mp3.indexFrames(whole.subarray(cut.tag.length)).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is nothing where nothing was on air", async () => {
    const reader: Pick<ArchiveReader, "pieces" | "load"> = {
      async *pieces() {},
      load: () => Promise.resolve(null),
    };
    expect(
      await CutFile.open({ mount, fromMs: 0, toMs: 1 }, { title: "" }, "", { reader, host: {} as Host }),
    ).toBeNull();
  });
});

describe("a reply with a recording", () => {
  afterEach(() => vi.unstubAllGlobals());
  const about = {
    etag: '"1"',
    lastModifiedMs: 0,
    contentType: "audio/mpeg",
    cache: "no-cache",
    disposition: "inline",
  };

  it("reads on only when its reader takes what there is, and stops when the reader has gone", async () => {
    // The runtime's own is not here: the same promises.
    vi.stubGlobal(
      "FixedLengthStream",
      class extends TransformStream {
        constructor(length: number) {
          super();
          expect(length).toBe(1_000);
        }
      },
    );
    let read = 0;
    let ended = false;
    const done = vi.fn<() => void>();
    const recording = {
      size: 1_000,
      async *read() {
        try {
          for (; read < 1_000; read++) yield new Uint8Array(1);
        } finally {
          ended = true;
        }
      },
    };
    const reply = recordingReply(new Request("http://x/"), recording, about, done);
    const reader = reply.body?.getReader();
    for (let taken = 0; taken < 10; taken++) await reader?.read();
    expect(read).toBeLessThan(15);
    await reader?.cancel();
    await vi.waitFor(() => expect(done).toHaveBeenCalledTimes(1));
    expect([ended, read < 15]).toEqual([true, true]);
  });

  it("is done at once where there is nothing to read", () => {
    const recording = { size: 10, read: vi.fn<() => AsyncGenerator<Uint8Array>>() };
    for (const [init, status] of [
      [{ method: "HEAD" }, 200],
      [{ headers: { Range: "bytes=10-" } }, 416],
      [{ headers: { "If-None-Match": '"1"' } }, 304],
      [{ headers: { "If-Match": '"2"' } }, 412],
    ] as const) {
      const done = vi.fn<() => void>();
      expect(recordingReply(new Request("http://x/", init), recording, about, done).status).toBe(status);
      expect(done).toHaveBeenCalledTimes(1);
    }
    expect(recording.read).not.toHaveBeenCalled();
  });
});
