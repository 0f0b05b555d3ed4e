import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { S3SegmentStore } from "../../ingest/segment-store.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { freePorts } from "../support/free-port.ts";
import { describeSegmentStore, type OpenStore } from "../support/segment-store-contract.ts";
import { type Stack, startStack } from "../support/stack.ts";

/** The store that ingest uses, against the S3 endpoint of a running station. */
let stack: Stack;
let bucket: Bucket;
beforeAll(async () => {
  stack = await startStack();
  bucket = bucketOf(stack);
});
afterAll(() => stack.stop());

const storage = () => ({
  bucketUrl: bucket.url,
  accessKeyId: bucket.accessKeyId,
  secretAccessKey: bucket.secretAccessKey,
});

describeSegmentStore("the S3 store", (): Promise<OpenStore> => {
  const client = new AwsClient({ ...storage(), service: "s3", region: "auto", retries: 0 });
  return Promise.resolve({
    store: new S3SegmentStore(storage()),
    async read(key) {
      const head = await client.fetch(`${bucket.url}/${key}`, { method: "HEAD" });
      const whole = await client.fetch(`${bucket.url}/${key}`);
      const body = Buffer.from(await whole.arrayBuffer());
      if (head.status !== 200 || whole.status !== 200) return null;
      return { body, contentType: head.headers.get("content-type") ?? "", metadata: metadataOf(head) };
    },
    async list(prefix) {
      const query = new URLSearchParams({ "list-type": "2", prefix });
      const xml = await (await client.fetch(`${bucket.url}?${query}`)).text();
      return [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? "");
    },
    close: () => Promise.resolve(),
  });
});

function metadataOf({ headers }: Response): Record<string, string> {
  const named = [...headers].filter(([name]) => name.startsWith("x-amz-meta-"));
  return Object.fromEntries(named.map(([name, value]) => [name.slice("x-amz-meta-".length), value]));
}

describe("the S3 store rejects with the status when storage refuses", () => {
  const object = { body: Uint8Array.of(1), contentType: "audio/mpeg", metadata: {} };
  const put = (changes: Partial<ReturnType<typeof storage>>): Promise<unknown> =>
    new S3SegmentStore({ ...storage(), ...changes }).put("v1/x", object, AbortSignal.timeout(10_000)).then(
      (result) => result,
      (error: unknown) => error,
    );

  it.each([
    ["a wrong secret", { secretAccessKey: "0".repeat(64) }, 403],
    ["an unknown access key", { accessKeyId: "f".repeat(32) }, 401],
  ])("%s", async (_, changes, status) => {
    const error = await put(changes);
    expect(error).toMatchObject({ name: "StoreError", status });
  });

  it("a bucket that does not exist", async () => {
    const error = await put({ bucketUrl: bucket.url.replace(/[^/]+$/, "no-such-bucket") });
    expect(error).toMatchObject({ name: "StoreError", status: 404 });
  });

  it("nobody there, without a status", async () => {
    const error = await put({ bucketUrl: `http://127.0.0.1:${await freePorts()}/bucket` });
    expect(error).toMatchObject({ name: "StoreError", status: undefined });
  });

  it("never tells a secret", async () => {
    const errors = [
      await put({ secretAccessKey: "tell-me-not" }),
      await put({ bucketUrl: "http://127.0.0.1:9/b" }),
    ];
    for (const error of errors) {
      expect(String(error)).not.toContain("tell-me-not");
      expect(String(error)).not.toContain(bucket.secretAccessKey);
    }
  });

  it("and nothing of all that was stored; nor what is not signed", async () => {
    const unsigned = await fetch(`${bucket.url}/v1/x`, { method: "PUT", body: "x" });
    expect(unsigned.status).toBeGreaterThanOrEqual(400);
    expect(unsigned.status).toBeLessThan(500);
    expect(await bucket.keys()).not.toContain("v1/x");
  });
});
