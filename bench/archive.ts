import { registerHooks } from "node:module";
import { workersCrypto } from "../test/support/digest-stream.ts";
import { FakeBucket } from "../test/support/fake-bucket.ts";
import { fakeStorage } from "../test/support/fake-storage.ts";
import { mountPath } from "../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../shared/object-format.ts";
import type { SegmentRef } from "../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../shared/units.ts";

/**
 * `npm run bench:archive`: a day on air through the real code of the archive at speed, with small bodies: 43,200 segments of two
 * seconds, told every ten seconds, merged every hour. Prints the size of the index, memory, operations of storage, and how long the
 * place of a byte in the middle takes to find.
 */
const base = `data:text/javascript,export class DurableObject{constructor(ctx,env){this.ctx=ctx;this.env=env}}`;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers" ? { url: base, shortCircuit: true } : next(specifier, context),
});
Object.defineProperty(globalThis, "crypto", { value: workersCrypto() });
Object.defineProperty(globalThis, "scheduler", { value: { wait: () => new Promise(() => undefined) } });
const { ArchiveObject } = await import("../worker/archive/archive-object.ts");

const mount = mountPath("/live.mp3");
const segmentMs = 2_000;
const segments = 43_200;
const told = 5;
const bodyBytes = 320;

let now = Date.UTC(2026, 10, 21);
Date.now = () => now;
console.warn = () => undefined;

const bucket = new FakeBucket();
const storage = fakeStorage();
const env = { SEGMENTS: bucket, STATION: "{}" };
const archive = new ArchiveObject({ storage, waitUntil: () => undefined }, env as never);
const startMs = now;

const segmentOf = (index: number): SegmentRef => ({
  epoch: epoch(1),
  sequence: sequence(index),
  startMs: millis(startMs + index * segmentMs),
  firstSample: sampleCount(index * 88_200),
  samples: sampleCount(88_200),
  sampleRate: 44_100,
  bytes: bodyBytes,
  channels: 2,
  // A song is three minutes.
  titles: index % 90 === 0 ? [{ atSample: sampleCount(0), text: `Song ${index / 90} – Somebody` }] : [],
});

async function tell(some: readonly SegmentRef[], end: "released" | null): Promise<void> {
  await archive.tell({
    mount,
    epochs: [
      {
        epoch: epoch(1),
        source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT", name: "Night" },
        claimedMs: millis(startMs),
        graceMs: millis(15_000),
        ingest: "a",
        process: "p",
        continues: false,
        end,
        listenerPeak: 1,
      },
    ],
    segments: some,
    listeners: 1,
  });
}

async function ring(): Promise<void> {
  for (let { alarm } = storage; alarm !== null && alarm <= now; { alarm } = storage) {
    await storage.deleteAlarm();
    await archive.alarm();
  }
}

const heapMb = (): number => process.memoryUsage().rss / 1e6;
const heapAtStart = heapMb();
let peakMb = 0;
let mostObjects = 0;
const wallMs = performance.now();
for (let at = 0; at < segments; at += told) {
  const some = Array.from({ length: told }, (_, index) => segmentOf(at + index));
  for (const ref of some) {
    const body = new Uint8Array(ref.bytes);
    const customMetadata = encodeSegmentMetadata({ ...ref, body, reservoir: new Uint8Array(0) });
    await bucket.put(segmentKey(mount, ref), body, { customMetadata });
  }
  now += told * segmentMs;
  await tell(some, at + told >= segments ? "released" : null);
  await ring();
  if (at % 500 === 0) peakMb = Math.max(peakMb, heapMb());
  mostObjects = Math.max(mostObjects, bucket.objects.size);
}
const onAir = { ...bucket.counts };
now += 3_600_000;
await ring();
now += 86_400_000;
await ring();
const seconds = (performance.now() - wallMs) / 1000;

const rows = storage.sql.exec("SELECT * FROM run").toArray();
const pageBytes = storage.sql.exec(
  "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
);
const reads: number[] = [];
for (let round = 0; round < 50; round++) {
  const from = performance.now();
  const found = await archive.segmentAtByte(
    mount,
    epoch(1),
    Math.floor(((round + 0.5) / 50) * segments * bodyBytes),
  );
  if (!found) throw new Error("a byte in the middle is nowhere");
  await archive.segments(mount, epoch(1), found.segment.sequence, 32);
  await bucket.get(found.segment.stored.key, {
    range: { offset: found.segment.stored.offset, length: bodyBytes },
  });
  reads.push(performance.now() - from);
}
reads.sort((a, b) => a - b);
const found = await archive.broadcast(mount, 1);
if (found?.segments !== segments) throw new Error(`the broadcast has ${found?.segments} segments`);

const lines: readonly (readonly [string, string | number])[] = [
  ["segments", segments],
  ["objects, most while on air (the storage's own are 43,200 without merging)", mostObjects],
  ["objects after it", bucket.objects.size],
  ["writes (Class A), without the segments' own", bucket.counts.put - segments + bucket.counts.list],
  ["...of which listings", bucket.counts.list],
  ["reads (Class B)", onAir.get],
  ["deletions (free)", bucket.counts.delete],
  ["rows of the index", rows.length],
  ["index, MB", Number(pageBytes.one()["bytes"]) / 1e6],
  ["memory of the process, MB: before and most", `${heapAtStart.toFixed(0)} ${peakMb.toFixed(0)}`],
  [
    "a range in the middle: its place and its first byte, ms (median, most)",
    `${reads[25]?.toFixed(2)} ${reads.at(-1)?.toFixed(2)}`,
  ],
  ["whole run, s", seconds.toFixed(1)],
];
for (const [what, value] of lines) console.log(`${what}: ${value}`);
