import { AwsV4Signer } from "aws4fetch";
import type { IngestSettings } from "../config/ingest-settings.ts";
import { exchange, type HttpReply } from "./http-exchange.ts";
import { replyBytes } from "./limits.ts";
import { reasonOf } from "./log.ts";
import type { SegmentObject, SegmentStore } from "./segment-publisher.ts";

/** Storage did not take an object; worth another try. */
class StoreError extends Error {
  override readonly name = "StoreError";
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;

  constructor(message: string, status?: number) {
    super(message);
    if (status !== undefined) this.status = status;
  }
}

/** The S3 API of R2, path style, region `auto`. Local storage and Cloudflare's answer alike. */
export class S3SegmentStore implements SegmentStore {
  readonly #storage: IngestSettings["storage"];
  /** Signing keys, derived once a day. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(storage: IngestSettings["storage"]) {
    this.#storage = storage;
  }

  async put(key: string, object: SegmentObject, signal: AbortSignal): Promise<"stored" | "exists"> {
    const { bucketUrl, accessKeyId, secretAccessKey } = this.#storage;
    const url = `${bucketUrl}/${key}`;
    const named: Record<string, string> = { "Content-Type": object.contentType, "If-None-Match": "*" };
    for (const [name, value] of Object.entries(object.metadata)) named[`x-amz-meta-${name}`] = value;
    let reply: HttpReply;
    try {
      const signer = new AwsV4Signer({
        url,
        method: "PUT",
        headers: named,
        service: "s3",
        region: "auto",
        accessKeyId,
        secretAccessKey,
        cache: this.#signingKeys,
      });
      const headers = Object.fromEntries((await signer.sign()).headers);
      const { body } = object;
      reply = await exchange({ url, method: "PUT", headers, body, signal, maxReplyBytes: replyBytes });
    } catch (error) {
      throw new StoreError(reasonOf(error));
    }
    if (reply.status === 200) return "stored";
    if (reply.status === 412) return "exists";
    throw new StoreError(`storage answered ${reply.status}`, reply.status);
  }
}
