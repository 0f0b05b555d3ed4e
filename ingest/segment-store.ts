import type { IngestSettings } from "../config/ingest-settings.ts";
import { exchange, type HttpReply } from "./http-exchange.ts";
import { replyBytes } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { SegmentObject, SegmentStore } from "./segment-publisher.ts";
import { StorageClock } from "./storage-clock.ts";
import { signedHeaders, StorageKey } from "./storage-signer.ts";

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

/** The S3 API of R2, path style, region `auto`. Local storage and Cloudflare's answer alike. */
export class S3SegmentStore implements SegmentStore {
  readonly #bucketUrl: string;
  readonly #key: StorageKey;
  readonly #clock: StorageClock;
  readonly #log: Pick<Log, "warn"> | undefined;

  constructor(
    storage: IngestSettings["storage"],
    { clock = new StorageClock(), log }: { clock?: StorageClock; log?: Pick<Log, "warn"> } = {},
  ) {
    this.#bucketUrl = storage.bucketUrl;
    this.#key = new StorageKey(storage);
    this.#clock = clock;
    this.#log = log;
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

  async #send(request: StoreRequest): Promise<HttpReply> {
    const reply = await this.#signed(request);
    const offsetMs = reply.status === 403 ? this.#clock.learn(reply.headers.date) : null;
    if (offsetMs === null) return reply;
    this.#log?.warn(
      { offsetMs },
      "the clock of this host is wrong: requests are signed with that of storage",
    );
    return this.#signed(request);
  }

  async #signed({ method, key, headers, body, signal }: StoreRequest): Promise<HttpReply> {
    const url = `${this.#bucketUrl}/${key}`;
    try {
      const datetime = this.#clock.signingDate;
      const signed = await signedHeaders({ url, method, headers, datetime }, this.#key);
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
