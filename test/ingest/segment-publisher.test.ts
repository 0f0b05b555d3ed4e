import { afterEach, beforeEach, expect, test } from "vitest";
import { EdgeClient } from "../../ingest/edge-client.ts";
import { openLog } from "../../ingest/log.ts";
import type { PublisherLimits } from "../../ingest/publisher-limits.ts";
import { SegmentPublisher } from "../../ingest/segment-publisher.ts";
import { S3SegmentStore } from "../../ingest/segment-store.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import type { Segment } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { FakeEdge } from "./fake-edge.ts";
import { eventually } from "./running-ingest.ts";

const edge = new FakeEdge();
const mount = mountPath("/live.mp3");
const logLines: string[] = [];
const events: string[] = [];
const publication = {
  announced: () => void events.push("announced"),
  fenced: () => void events.push("fenced"),
};

beforeEach(async () => {
  await edge.open();
  edge.objects.clear();
  edge.calls.length = 0;
  edge.announcements.length = 0;
  edge.putAnswer = null;
  edge.apiAnswer = {};
  events.length = 0;
  logLines.length = 0;
});
afterEach(() => edge.close());

function publisher(limits: Partial<PublisherLimits> = {}): SegmentPublisher {
  return new SegmentPublisher({
    mount,
    extension: "mp3",
    contentType: "audio/mpeg",
    store: new S3SegmentStore({ bucketUrl: `${edge.url}/bucket`, accessKeyId: "id", secretAccessKey: "key" }),
    announcer: new EdgeClient({ edgeUrl: edge.url, ingestToken: edge.token }),
    log: openLog("debug", { write: (line) => void logLines.push(line) }),
    limits: { retryFirstMs: 1, retryMaxMs: 5, ...limits },
  });
}

const key = (at: number, ofEpoch = 1): string =>
  `v1/live.mp3/${String(ofEpoch).padStart(10, "0")}/${String(at).padStart(10, "0")}.mp3`;

function segment(at: number, ofEpoch = 1): Segment {
  const body = new Uint8Array(1_000).fill(at);
  return {
    epoch: epoch(ofEpoch),
    sequence: sequence(at),
    startMs: millis(1_700_000_000_000),
    firstSample: sampleCount(at * 1152),
    samples: sampleCount(1152),
    sampleRate: 44_100,
    bytes: body.length,
    titles: [{ atSample: sampleCount(0), text: "안녕 🎶", url: "https://x/" }],
    body,
    reservoir: Uint8Array.of(1, 2, 3),
  };
}

test("stores each segment before it announces it, strictly in order", async () => {
  const tested = publisher();
  for (let at = 0; at < 3; at++) tested.push(segment(at), publication);
  expect(tested.queued).toEqual({ segments: 3, bytes: 3_000 });
  await tested.drained(10_000);
  const expected = [0, 1, 2].flatMap((at) => [`put ${key(at)}`, `announce 1/${at}`]);
  expect(edge.calls).toEqual(expected);
  expect(events).toEqual(["announced", "announced", "announced"]);
  expect(tested.queued).toEqual({ segments: 0, bytes: 0 });
});

test("an object carries what its segment is, and an announcement everything but the audio", async () => {
  const tested = publisher();
  tested.push(segment(7), publication);
  await tested.drained(10_000);
  const object = edge.objects.get(key(7));
  const { body, reservoir, ...ref } = segment(7);
  const { epoch: _, sequence: __, bytes: ___, ...described } = ref;
  expect(new Uint8Array(object?.body ?? [])).toEqual(body);
  expect(decodeSegmentMetadata(object?.metadata ?? {})).toEqual({ ...described, reservoir });
  expect(edge.announcements).toEqual([{ mount, segment: ref }]);
});

test("storage that answers 500 is tried again until it takes the segment", async () => {
  edge.putAnswer = 500;
  const tested = publisher();
  tested.push(segment(0), publication);
  await eventually(() => edge.calls.length >= 3);
  expect(tested.failing).toBe("storage");
  expect(edge.announcements).toEqual([]);
  edge.putAnswer = null;
  await tested.drained(10_000);
  expect(tested.failing).toBeNull();
  expect(edge.announcements).toHaveLength(1);
});

test("storage that hangs is given up after the time for a put, and tried again", async () => {
  edge.putAnswer = "hang";
  const tested = publisher({ putTimeoutMs: 30 });
  tested.push(segment(0), publication);
  await eventually(() => edge.calls.length >= 2);
  edge.putAnswer = null;
  await tested.drained(10_000);
  expect(edge.objects.has(key(0))).toBe(true);
});

test("a connection that storage closes between two segments costs no attempt", async () => {
  const tested = publisher();
  tested.push(segment(0), publication);
  await tested.drained(10_000);
  edge.dropNextRequest = true;
  tested.push(segment(1), publication);
  await tested.drained(10_000);
  expect(edge.announcements).toHaveLength(2);
  expect(logLines.join("")).not.toContain("cannot publish");
});

test("a key that is taken is our own put whose answer was lost: it is announced", async () => {
  edge.objects.set(key(0), { body: Buffer.alloc(0), metadata: {} });
  const tested = publisher();
  tested.push(segment(0), publication);
  await tested.drained(10_000);
  expect(edge.calls).toEqual([`put ${key(0)}`, "announce 1/0"]);
});

test("an edge that fails hears the announcement again, without a second put", async () => {
  edge.apiAnswer = { announce: 503 };
  const tested = publisher();
  tested.push(segment(0), publication);
  await eventually(() => tested.failing === "edge");
  edge.apiAnswer = {};
  await tested.drained(10_000);
  expect(edge.calls).toEqual([`put ${key(0)}`, "announce 1/0"]);
});

test("an announcement that the edge cannot read is left out and the next one goes on", async () => {
  edge.apiAnswer = { announce: 400 };
  const tested = publisher();
  tested.push(segment(0), publication);
  await tested.drained(10_000);
  edge.apiAnswer = {};
  tested.push(segment(1), publication);
  await tested.drained(10_000);
  expect(edge.announcements.map(({ segment: { sequence: at } }) => at)).toEqual([1]);
});

test("a fenced source is told, its last segments are stored and not announced, the next epoch's are", async () => {
  edge.apiAnswer = { announce: 410 };
  const tested = publisher();
  tested.push(segment(0), publication);
  await eventually(() => events.includes("fenced"));
  edge.apiAnswer = {};
  tested.push(segment(1), publication);
  tested.push(segment(0, 2), publication);
  await tested.drained(10_000);
  expect(edge.objects.has(key(1))).toBe(true);
  expect(edge.announcements.map(({ segment: { epoch: of } }) => of)).toEqual([2]);
});

test("a queue that overflows loses its oldest segments, counts them, and goes on with the rest", async () => {
  edge.putAnswer = 500;
  const tested = publisher({ queueSegments: 3 });
  for (let at = 0; at < 5; at++) tested.push(segment(at), publication);
  expect(tested.queued.segments).toBe(3);
  expect(tested.dropped).toBe(2);
  await eventually(() => edge.calls.length > 0);
  edge.putAnswer = null;
  await tested.drained(10_000);
  expect(edge.announcements.map(({ segment: { sequence: at } }) => at)).toEqual([2, 3, 4]);
  expect(logLines.join("")).toContain('"droppedInAll":2');
});

test("a queue is bounded by bytes as well", async () => {
  edge.putAnswer = 500;
  const tested = publisher({ queueBytes: 2_500 });
  for (let at = 0; at < 4; at++) tested.push(segment(at), publication);
  expect(tested.queued).toEqual({ segments: 2, bytes: 2_000 });
  await tested.stop();
});

test("waiting for the queue ends after its time, and stopping tells how many segments are lost", async () => {
  edge.putAnswer = 500;
  const tested = publisher();
  tested.push(segment(0), publication);
  tested.push(segment(1), publication);
  await tested.drained(20);
  expect(await tested.stop()).toEqual({ spooled: 0, lost: 2 });
  await tested.drained(10_000);
  expect(events).toEqual([]);
});
