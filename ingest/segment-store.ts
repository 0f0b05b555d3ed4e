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
    const named: Record<string, string> = { "Content-Type": object.contentType, "If-None-Match": "*" };
    for (const [name, value] of Object.entries(object.metadata)) named[`x-amz-meta-${name}`] = value;
    const reply = await this.#send({ method: "PUT", key, headers: named, body: object.body, signal });
    if (reply.status === 200) return "stored";
    if (reply.status === 412) return "exists";
    throw new StoreError(`storage answered ${reply.status}`, reply.status);
  }

  /** Whether there is an object of this name. Rejects when storage gave no answer that can be used. */
  async has(key: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#send({ method: "HEAD", key, headers: {}, signal });
    if (status === 200) return true;
    if (status === 404) return false;
    throw new StoreError(`storage answered ${status}`, status);
  }

  async #send({ method, key, headers, body, signal }: StoreRequest): Promise<HttpReply> {
    const { bucketUrl, accessKeyId, secretAccessKey } = this.#storage;
    const url = `${bucketUrl}/${key}`;
    try {
      const signer = new AwsV4Signer({
        url,
        method,
        headers,
        service: "s3",
        region: "auto",
        accessKeyId,
        secretAccessKey,
        cache: this.#signingKeys,
      });
      const signed = Object.fromEntries((await signer.sign()).headers);
      const sent = body === undefined ? {} : { body };
      return await exchange({ url, method, headers: signed, ...sent, signal, maxReplyBytes: replyBytes });
    } catch (error) {
      throw new StoreError(reasonOf(error));
    }
  }
}

interface StoreRequest {
  readonly method: "HEAD" | "PUT";
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}
