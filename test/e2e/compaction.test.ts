import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../shared/object-format.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { takeMount } from "../support/encoder.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { FrameList } from "../support/frame-check.ts";
import { listen } from "../support/listen.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const mount = "/live.mp3";
const sentSeconds = 20;
/** No frame is there twice. */
const programme: readonly Frame[] = ["cbr320.mp3", "crc128.mp3", "cbr128-joint44.mp3"]
  .flatMap((file) => framesOf(join(fixtures, file)))
  .slice(0, Math.floor((sentSeconds * 44_100) / 1_152));
const list = new FrameList(programme);

interface Listed {
  readonly name: string;
  readonly url: string;
  readonly start: string;
  readonly end: string | null;
}

describe("an archive whose segments are merged", () => {
  let stack: Stack;
  let bucket: Bucket;

  const broadcasts = async (): Promise<readonly Listed[]> => {
    const reply = await fetch(`${stack.edgeUrl}/archive.json?mount=${mount}`);
    return ((await reply.json()) as { broadcasts: Listed[] }).broadcasts;
  };
  const asAdmin = (path: string, body?: unknown): Promise<Response> =>
    fetch(`${stack.edgeUrl}/api/v1/mounts/live.mp3${path}`, {
      method: "POST",
      headers: {
        Authorization: `Basic ${btoa(`admin:${stack.adminPassword}`)}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const chunks = async (): Promise<string[]> => (await bucket.keys()).filter((key) => key.startsWith("a1/"));
  const bytesOf = async (reply: Response): Promise<Buffer> => Buffer.from(await reply.arrayBuffer());

  beforeAll(async () => {
    stack = await startStation("[limits]\nsegment_seconds = 1\n");
    bucket = bucketOf(stack);
    const source = await takeMount({ port: stack.ingestPort, password: stack.password }, mount);
    await source.send(programme);
    source.stop();
    await waitFor(
      "the broadcast to be over",
      async () => typeof (await broadcasts())[0]?.end === "string",
      30_000,
    );
  }, 90_000);
  afterAll(() => stack?.stop());

  it("has the same bytes under the same name before and after, from any of them on, and loses no listener", async () => {
    const [broadcast] = await broadcasts();
    if (!broadcast) throw new Error("there is no broadcast");
    const before = await fetch(broadcast.url);
    const file = await bytesOf(before);
    expect(await chunks()).toEqual([]);
    // What it has read is forgotten with it.
    stack.kill("workerd");
    await waitFor(
      "the edge to be back",
      () =>
        fetch(broadcast.url, { method: "HEAD" }).then(
          ({ ok }) => ok,
          () => false,
        ),
      30_000,
    );
    const listener = await listen(`${stack.edgeUrl}${mount}?at=${broadcast.start}`);
    await waitFor("the rewound listener to hear something", () => listener.bytes().length > 100_000);

    expect((await asAdmin("/merge-archive")).status).toBe(204);
    expect(await bucket.keys(mount)).toEqual([]);
    expect(await chunks()).toHaveLength(2);

    const after = await fetch(broadcast.url);
    expect(after.headers.get("ETag")).toBe(before.headers.get("ETag"));
    expect(Buffer.compare(await bytesOf(after), file)).toBe(0);
    for (const [from, to] of [
      [0, 99],
      [Math.floor(file.length / 2), Math.floor(file.length / 2) + 70_000],
      [file.length - 5, file.length - 1],
    ] as const) {
      const part = await fetch(broadcast.url, { headers: { Range: `bytes=${from}-${to}` } });
      expect(part.status).toBe(206);
      expect(Buffer.compare(await bytesOf(part), file.subarray(from, to + 1))).toBe(0);
    }
    const heard = (): number[] =>
      mp3
        .indexFrames(listener.bytes())
        .map(({ offset, size }) => list.indexOf(listener.bytes().subarray(offset, offset + size)));
    await waitFor(
      "the rewound listener to hear the end",
      () => heard().includes(programme.length - 20),
      40_000,
    );
    listener.close();
    const frames = heard().filter((index) => index >= 0);
    expect(frames).toEqual(frames.map((_, at) => (frames[0] ?? 0) + at));
    expect(frames[0]).toBeLessThan(60);
    const again = await listen(`${stack.edgeUrl}${mount}?at=${broadcast.start}`);
    await waitFor("another one to hear it out of the chunk", () => again.bytes().length > 100_000);
    again.close();
  }, 90_000);

  it("is merged twice without a change", async () => {
    const keys = await chunks();
    expect((await asAdmin("/merge-archive")).status).toBe(204);
    expect(await chunks()).toEqual(keys);
  });

  it("goes up in parts when it is large", async () => {
    const { accessKeyId, secretAccessKey, url } = bucket;
    const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: 0 });
    const bodies = Array.from({ length: 60 }, (_, at) => Buffer.alloc(200_000 + at, at));
    const startMs = Date.parse((await broadcasts())[0]?.start ?? "");
    for (const [at, body] of bodies.entries()) {
      const place = { epoch: epoch(1), sequence: sequence(100 + at) };
      const metadata = encodeSegmentMetadata({
        ...place,
        startMs: millis(startMs + (100 + at) * 1_000),
        firstSample: sampleCount((100 + at) * 44_100),
        samples: sampleCount(44_100),
        sampleRate: 44_100,
        bytes: body.length,
        titles: [],
        body,
        reservoir: new Uint8Array(0),
      });
      const headers = Object.fromEntries(
        Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
      );
      const key = segmentKey(mountPath(mount), place);
      expect((await client.fetch(`${url}/${key}`, { method: "PUT", body, headers })).status).toBe(200);
    }
    expect((await asAdmin("/merge-archive")).status).toBe(204);
    const [, key] = (await chunks()).filter((each) => each.endsWith(".mp3"));
    expect(Buffer.compare((await bucket.object(key ?? "")).body, Buffer.concat(bodies))).toBe(0);
    expect(await bucket.keys(mount)).toEqual([]);
  }, 60_000);

  it("has a broadcast deleted for ever by who says its name twice", async () => {
    const [broadcast] = await broadcasts();
    if (!broadcast) throw new Error("there is no broadcast");
    const path = `/broadcasts/${encodeURIComponent(broadcast.name)}/delete`;
    expect((await asAdmin(path, { confirm: "another" })).status).toBe(400);
    expect((await fetch(broadcast.url, { method: "HEAD" })).status).toBe(200);
    expect((await asAdmin(path, { confirm: broadcast.name })).status).toBe(204);
    expect(await broadcasts()).toEqual([]);
    expect((await fetch(broadcast.url)).status).toBe(404);
    await waitFor("storage to have nothing of it", async () => (await bucket.keys()).length === 0, 20_000);
    expect((await asAdmin(path, { confirm: broadcast.name })).status).toBe(404);
  });
});
