import { exchange, type HttpReply } from "./http-exchange.ts";
import { replyBytes } from "./limits.ts";
import { reasonOf } from "./log.ts";
import type { SegmentObject, SegmentStore } from "./segment-publisher.ts";
import { SignedBucket } from "./signed-bucket.ts";

/** Storage did not take an object; worth another try. */
class StoreError extends Error {
  override readonly name = "StoreError";
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** How long storage asks to be left alone, ms; absent when it does not say. */
  readonly retryAfterMs?: number;

  constructor(message: string, reply?: HttpReply) {
    super(message);
    if (reply === undefined) return;
    this.status = reply.status;
    const seconds = Number(reply.headers["retry-after"]);
    // RFC 9110 10.2.3 has dates as well; storage does not send those.
    if ((reply.status === 429 || reply.status === 503) && seconds >= 0) this.retryAfterMs = seconds * 1000;
  }
}

export class S3SegmentStore implements SegmentStore {
  readonly #bucket: SignedBucket;

  constructor(...bucket: ConstructorParameters<typeof SignedBucket>) {
    this.#bucket = new SignedBucket(...bucket);
  }

  async put(key: string, object: SegmentObject, signal: AbortSignal): Promise<"stored" | "exists"> {
    const named: Record<string, string> = { "Content-Type": object.contentType, "If-None-Match": "*" };
    for (const [name, value] of Object.entries(object.metadata)) named[`x-amz-meta-${name}`] = value;
    const reply = await this.#send({ method: "PUT", key, headers: named, body: object.body, signal });
    if (reply.status === 200) return "stored";
    if (reply.status === 412) return "exists";
    throw new StoreError(`storage answered ${reply.status}`, reply);
  }

  /** Whether there is an object of this name. Rejects when storage gave no answer that can be used. */
  async has(key: string, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#send({ method: "HEAD", key, headers: {}, signal });
    if (reply.status === 200) return true;
    if (reply.status === 404) return false;
    throw new StoreError(`storage answered ${reply.status}`, reply);
  }

  async #send({ method, key, headers, body, signal }: StoreRequest): Promise<HttpReply> {
    const url = `${this.#bucket.url}/${key}`;
    const sent = body === undefined ? {} : { body };
    try {
      return await this.#bucket.ask({ url, method, headers }, async (signed) => {
        const request = { url, method, headers: signed, ...sent, signal, maxReplyBytes: replyBytes };
        const reply = await exchange(request);
        return { reply, status: reply.status, date: reply.headers.date };
      });
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
