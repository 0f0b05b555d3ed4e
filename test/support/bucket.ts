import { AwsClient } from "aws4fetch";
import { localBucketPath } from "../../config/ingest-of-station.ts";
import { loadStackSettings } from "../../config/settings.ts";
import { mountPrefix, parseSegmentKey } from "../../shared/object-format.ts";
import type { MountPath } from "../../shared/units.ts";
import { logLines } from "./log-lines.ts";
import type { Stack } from "./stack.ts";

/** The stack's bucket, read through the S3 endpoint that ingest writes to. */
export interface Bucket {
  /** Of the S3 endpoint, for a program that is to write there. */
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Every key, or those of one mount, in order of play. */
  keys(mount?: string): Promise<string[]>;
  object(key: string): Promise<StoredObject>;
  /** The objects of a mount one after another: what it has broadcast. */
  audio(mount: string): Promise<Buffer>;
  /** Its epochs that have objects, in order. */
  epochs(mount: string): Promise<number[]>;
}

interface StoredObject {
  readonly key: string;
  readonly body: Buffer;
  /** Custom metadata without the `x-amz-meta-` prefix. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Asks for the endpoint's port each time: a stack that has restarted has another. */
export function bucketOf(stack: Pick<Stack, "dataDir" | "log">): Bucket {
  const storagePort = logLines(stack.log()).findLast(({ msg }) => msg === "on the air")?.["storagePort"];
  if (typeof storagePort !== "number") throw new Error("the stack has not told its storage port");
  const { storage } = loadStackSettings(["--data", stack.dataDir], {}).ingest;
  const { accessKeyId, secretAccessKey } = storage;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: 0 });
  const url = `http://127.0.0.1:${storagePort}${localBucketPath}`;

  const keys = async (mount?: string): Promise<string[]> => {
    const found: string[] = [];
    let token = "";
    do {
      const query = new URLSearchParams({ "list-type": "2" });
      if (mount !== undefined) query.set("prefix", mountPrefix(mount as MountPath));
      if (token !== "") query.set("continuation-token", token);
      const response = await client.fetch(`${url}?${query}`);
      const xml = await response.text();
      if (!response.ok) throw new Error(`the bucket cannot be listed: ${response.status} ${xml}`);
      found.push(...[...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? ""));
      token = /<NextContinuationToken>([^<]*)</.exec(xml)?.[1] ?? "";
    } while (token !== "");
    return found.toSorted();
  };
  const object = async (key: string): Promise<StoredObject> => {
    const response = await client.fetch(`${url}/${key}`);
    if (!response.ok) throw new Error(`${key} cannot be read: ${response.status} ${await response.text()}`);
    const metadata: Record<string, string> = {};
    for (const [name, value] of response.headers) {
      if (name.startsWith("x-amz-meta-")) metadata[name.slice("x-amz-meta-".length)] = value;
    }
    return { key, body: Buffer.from(await response.arrayBuffer()), metadata };
  };
  return {
    url,
    accessKeyId,
    secretAccessKey,
    keys,
    object,
    async audio(mount) {
      const bodies: Buffer[] = [];
      for (const key of await keys(mount)) bodies.push((await object(key)).body);
      return Buffer.concat(bodies);
    },
    async epochs(mount) {
      return [...new Set((await keys(mount)).map((key) => parseSegmentKey(key).epoch))];
    },
  };
}
