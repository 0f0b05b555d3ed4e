import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storedFileBytes } from "../../ingest/limits.ts";
import type { SegmentObject } from "../../ingest/segment-publisher.ts";
import { storeFile } from "../../ingest/stored-files.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import { fileIndexKey, fileIndexSchema, fileSegmentKey, fileSegments } from "../../shared/stored-file.ts";
import { framesOf } from "../support/stream-mp3.ts";

const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);

/** Storage in memory that fails when it is told to. */
class MemoryStore {
  readonly objects = new Map<string, SegmentObject>();
  readonly calls: string[] = [];
  failAt = Number.POSITIVE_INFINITY;

  async put(key: string, object: SegmentObject): Promise<"stored" | "exists"> {
    this.calls.push(`put ${key}`);
    if (this.calls.length > this.failAt) throw new Error("storage is down");
    if (this.objects.has(key)) return "exists";
    this.objects.set(key, object);
    return "stored";
  }

  async has(key: string): Promise<boolean> {
    this.calls.push(`has ${key}`);
    return this.objects.has(key);
  }
}

let folder: string;
let store: MemoryStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-files-"));
  store = new MemoryStore();
});
afterEach(() => rmSync(folder, { recursive: true }));

const keep = (path: string) => storeFile(path, { codec: mp3, store, signal: new AbortController().signal });
const written = (...parts: readonly Uint8Array[]) => {
  const file = join(folder, "file.mp3");
  writeFileSync(file, Buffer.concat(parts));
  return file;
};

describe("a stored file", () => {
  it("is its frames in segments, under a name made from them, with an index that comes last", async () => {
    const path = fixture("vbr-v2.mp3");
    const id = await keep(path);
    const audio = Buffer.concat(framesOf(path).map(({ bytes }) => bytes));
    expect(id).toBe(createHash("sha256").update(audio).digest("hex").slice(0, 32));
    const keys = [...store.objects.keys()];
    expect(keys.at(-1)).toBe(fileIndexKey(id));
    const index = fileIndexSchema.parse(
      JSON.parse(Buffer.from(store.objects.get(fileIndexKey(id))?.body ?? []).toString()),
    );
    expect(keys.slice(0, -1)).toEqual(index.segments.map((_, number) => fileSegmentKey(id, number)));
    const objects = keys.slice(0, -1).map((key) => store.objects.get(key));
    expect(Buffer.concat(objects.map((object) => object?.body ?? Buffer.alloc(0))).equals(audio)).toBe(true);
    const refs = fileSegments(index);
    for (const [number, object] of objects.entries()) {
      const { samples, sampleRate, channels, firstSample, reservoir } = decodeSegmentMetadata(
        object?.metadata ?? {},
      );
      expect({ samples, sampleRate, channels, firstSample }).toMatchObject({
        samples: refs[number]?.samples,
        sampleRate: refs[number]?.sampleRate,
        channels: refs[number]?.channels,
        firstSample: refs[number]?.firstSample,
      });
      expect(object?.body.length).toBe(refs[number]?.bytes);
      expect(reservoir.length > 0).toBe(number > 0);
    }
    for (const { samples, sampleRate } of refs.slice(0, -1)) {
      expect(samples / sampleRate).toBeGreaterThanOrEqual(2);
      expect(samples / sampleRate).toBeLessThan(2.1);
    }
  });

  it("is not put again when it is there, whatever its tags", async () => {
    const id = await keep(fixture("cbr128-joint44.mp3"));
    store.calls.length = 0;
    const tag = Buffer.concat([Buffer.from("49443303000000000064", "hex"), Buffer.alloc(100)]);
    expect(await keep(written(tag, readFileSync(fixture("cbr128-joint44.mp3"))))).toBe(id);
    expect(store.calls).toEqual([`has ${fileIndexKey(id)}`]);
  });

  it("has no index when storage fails on the way, and is completed by the next attempt", async () => {
    store.failAt = 3;
    await expect(keep(fixture("cbr128-joint44.mp3"))).rejects.toThrow("storage is down");
    expect([...store.objects.keys()].filter((key) => key.endsWith(".json"))).toEqual([]);
    store.failAt = Number.POSITIVE_INFINITY;
    const id = await keep(fixture("cbr128-joint44.mp3"));
    expect(store.objects.has(fileIndexKey(id))).toBe(true);
  });

  it("is refused with the reason when it cannot be played, and nothing is stored", async () => {
    const stereo = readFileSync(fixture("cbr128-joint44.mp3"));
    const slow = readFileSync(fixture("mpeg2-22k-64.mp3"));
    await expect(keep(written(stereo, slow))).rejects.toThrow("its format changes on the way");
    await expect(keep(written(Buffer.from("no music at all")))).rejects.toThrow("no frame of audio/mpeg");
    await expect(keep(written())).rejects.toThrow("no frame of audio/mpeg");
    await expect(keep(join(folder, "none.mp3"))).rejects.toThrow("cannot be read: ENOENT");
    await expect(keep(written(stereo, Buffer.alloc(storedFileBytes)))).rejects.toThrow(
      "more than 67108864 bytes",
    );
    await expect(keep(join(folder, "none.mp3"))).rejects.toMatchObject({ name: "StoredFileError" });
    expect(store.objects.size).toBe(0);
  });
});
