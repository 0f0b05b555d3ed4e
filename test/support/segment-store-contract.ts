import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SegmentStore } from "../../ingest/segment-publisher.ts";
import { mountPath } from "../../shared/mount-path.ts";
import {
  decodeSegmentMetadata,
  encodeSegmentMetadata,
  fitTitles,
  parseSegmentKey,
  segmentKey,
} from "../../shared/object-format.ts";
import type { Segment, TitleMark } from "../../shared/segment.ts";
import { maxTitleBytes } from "../../shared/title.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

/** A store under test and a way to look into it that is not the store's own. */
export interface OpenStore {
  readonly store: SegmentStore;
  /** Null when there is no such object. */
  readonly read: (key: string) => Promise<ReadObject | null>;
  /** Keys that begin so, in the order in which the store lists them. */
  readonly list: (prefix: string) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

interface ReadObject {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Names without any prefix. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What every store of segments does. */
export function describeSegmentStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name} keeps segments`, () => {
    let opened: OpenStore;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    let keys = 0;
    const nextKey = () => segmentKey(mountPath("/contract.mp3"), { ...at, sequence: sequence(keys++) });
    const put = (
      key: string,
      object: Partial<Parameters<SegmentStore["put"]>[1]> = {},
      signal = patience(),
    ) =>
      opened.store.put(
        key,
        { body: bytes(1_000), contentType: "audio/mpeg", metadata: { a: "1" }, ...object },
        signal,
      );

    it("gives back what was put: bytes, content type, metadata", async () => {
      const key = nextKey();
      const object = {
        body: bytes(400_000),
        contentType: "audio/mpeg",
        metadata: { format: "1", "start-ms": "5" },
      };
      expect(await put(key, object)).toBe("stored");
      const read = await opened.read(key);
      expect(Buffer.from(object.body).equals(read?.body ?? Buffer.alloc(0))).toBe(true);
      expect(read?.contentType).toBe("audio/mpeg");
      expect(read?.metadata).toEqual(object.metadata);
    });

    it("says that a key is taken and leaves its object as it is", async () => {
      const key = nextKey();
      expect(await put(key, { body: bytes(10) })).toBe("stored");
      expect(await put(key, { body: bytes(20), metadata: { a: "2" } })).toBe("exists");
      expect(await put(key, { body: bytes(10) })).toBe("exists");
      const read = await opened.read(key);
      expect(read?.body.length).toBe(10);
      expect(read?.metadata).toEqual({ a: "1" });
    });

    it("lets one of several puts of a key at once win, whole", async () => {
      const key = nextKey();
      const bodies = [101, 102, 103, 104].map(bytes);
      const results = await Promise.all(bodies.map((body) => put(key, { body })));
      expect(results.toSorted()).toEqual(["exists", "exists", "exists", "stored"]);
      const winner = bodies[results.indexOf("stored")];
      expect((await opened.read(key))?.body.length).toBe(winner?.length);
    });

    it("takes an object of no bytes and metadata of empty values", async () => {
      const key = nextKey();
      expect(await put(key, { body: bytes(0), metadata: { titles: "", reservoir: "" } })).toBe("stored");
      const read = await opened.read(key);
      expect(read?.body.length).toBe(0);
      expect(read?.metadata["titles"] ?? "").toBe("");
    });

    it.each([
      ["no titles and no reservoir", [], 0],
      [
        "a Korean title with a URL",
        [{ atSample: sampleCount(5), text: "김철수 - 🎶 ';", url: "http://x/?a=1;b" }],
        100,
      ],
      ["as many long titles as fit and a full reservoir", fitTitles(storm()), 511],
      [
        "the longest title alone and a full reservoir",
        [{ atSample: sampleCount(0), text: longTitle() }],
        511,
      ],
    ] as const)("carries a segment's metadata there and back: %s", async (_, titles, reservoirBytes) => {
      const segment: Segment = { ...base, titles, reservoir: bytes(reservoirBytes) };
      const key = nextKey();
      expect(await put(key, { body: segment.body, metadata: encodeSegmentMetadata(segment) })).toBe("stored");
      const read = decodeSegmentMetadata((await opened.read(key))?.metadata ?? {});
      expect(read).toEqual({
        startMs: segment.startMs,
        firstSample: segment.firstSample,
        samples: segment.samples,
        sampleRate: segment.sampleRate,
        titles: segment.titles,
        reservoir: segment.reservoir,
      });
    });

    it.each([
      "/with space.mp3",
      "/under_score_.mp3",
      "/per%cent%41.mp3",
      "/한국어/방송 🎶.mp3",
      "/a+b&c=d;e,f'g\"h(i)!*~[j]{k}|^`<l>@:$.mp3",
      "/deep/er/folder.mp3",
      "/.hidden",
      "/?query#fragment",
    ])("keeps segments of the mount %s under keys of its own, listed as they play", async (path) => {
      const mount = mountPath(path);
      const positions = [
        { epoch: epoch(1), sequence: sequence(0) },
        { epoch: epoch(1), sequence: sequence(9) },
        { epoch: epoch(1), sequence: sequence(10) },
        { epoch: epoch(2), sequence: sequence(0) },
        { epoch: epoch(10), sequence: sequence(0) },
      ];
      // Put in another order than that of play.
      for (const position of positions.toReversed()) {
        expect(await put(segmentKey(mount, position), { body: bytes(position.sequence + 1) })).toBe("stored");
      }
      const prefix = segmentKey(mount, at).split("/").slice(0, 2).join("/");
      const listed = await opened.list(`${prefix}/`);
      expect(listed.map((key) => parseSegmentKey(key))).toEqual(
        positions.map((position) => ({ mount, ...position })),
      );
      expect((await opened.read(listed[2] ?? ""))?.body.length).toBe(11);
    });

    it("rejects when its signal says so, and the put can be repeated", async () => {
      const key = nextKey();
      await expect(put(key, {}, AbortSignal.abort())).rejects.toThrow(/abort/i);
      expect(["stored", "exists"]).toContain(await put(key));
      expect((await opened.read(key))?.body.length).toBe(1_000);
    });
  });
}

const at = { epoch: epoch(1), sequence: sequence(0) };
const base: Segment = {
  ...at,
  startMs: millis(1_795_000_000_123),
  firstSample: sampleCount(999_999_999_999),
  samples: sampleCount(88_704),
  sampleRate: 44_100,
  bytes: 3,
  titles: [],
  body: Uint8Array.of(1, 2, 3),
  reservoir: new Uint8Array(0),
};

const patience = () => AbortSignal.timeout(20_000);
const bytes = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (index * 31 + count) & 255);
const longTitle = (): string => "한".repeat(Math.floor(maxTitleBytes / 3));

/** More titles than any segment's metadata can hold. */
function storm(): TitleMark[] {
  return Array.from({ length: 40 }, (_, index) => ({
    atSample: sampleCount(index * 1152),
    text: `${index} ${"가나다라마바사".repeat(20)}`,
    url: `https://example.org/${index}`,
  }));
}
