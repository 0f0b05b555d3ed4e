import { setTimeout as sleep } from "node:timers/promises";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { Backoff } from "../backoff.ts";
import { type ListedObject, type ListingPage, parseListing } from "../bucket-listing.ts";
import { exchange, type HttpReply, type HttpRequest } from "../http-exchange.ts";
import { reasonOf } from "../log.ts";
import type { SegmentObject } from "../segment-publisher.ts";
import { SignedBucket } from "../signed-bucket.ts";
import {
  documentBytes,
  listBytes,
  patienceMs,
  replyBytes,
  requestRetry,
  requestTimeoutMs,
} from "./limits.ts";

/** Storage did not do what it was asked. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Of a request that got no answer: the system's. */
  readonly code?: string;
  readonly retryAfterMs: number;

  constructor(message: string, { status = 0, retryAfterMs = 0, code }: Failure = {}) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    if (code !== undefined) this.code = code;
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return [0, 408, 425, 429].includes(this.status) || (this.status >= 500 && this.status !== 501);
  }
}

interface Failure {
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly code?: string;
}

/** Of a put: only where nothing is yet, or only over what was read under this ETag. */
export type Condition = "absent" | { readonly etag: string };

export interface StoredDocument {
  readonly text: string;
  readonly etag: string;
}

/** The bucket as the commands use it. */
export type Objects = Pick<ObjectStore, "delete" | "get" | "has" | "list" | "metadata" | "put">;

/** What requests cost: R2 bills puts and lists, and reads at a twelfth of that. Tries that failed are counted as well. */
export interface Operations {
  puts: number;
  lists: number;
  reads: number;
  deletes: number;
}

interface Given {
  /** Ends every request; they reject. */
  readonly signal: AbortSignal;
  /** Storage begins to fail; told again only after it has been well. */
  readonly onTrouble: (reason: string) => void;
  readonly now?: () => number;
  /** How long storage may fail. */
  readonly patienceMs?: number;
}

/**
 * The bucket for commands that run for long: requests that storage could not take are tried again, until nothing has
 * gone well for `patienceMs`. Rejects with StorageError.
 */
export class ObjectStore {
  readonly operations: Operations = { puts: 0, lists: 0, reads: 0, deletes: 0 };
  readonly #bucket: SignedBucket;
  readonly #given: Given;
  readonly #now: () => number;
  readonly #patienceMs: number;
  /** Since when nothing has gone well; null while all does. */
  #failingSinceMs: number | null = null;

  constructor(storage: IngestSettings["storage"], given: Given) {
    this.#bucket = new SignedBucket(storage);
    this.#given = given;
    this.#now = given.now ?? (() => performance.now());
    this.#patienceMs = given.patienceMs ?? patienceMs;
  }

  /** Rejects at the first failure: whether there is a storage that takes our requests. */
  async probe(): Promise<void> {
    this.operations.lists++;
    ok(
      await this.#send({
        method: "GET",
        query: { "list-type": "2", "max-keys": "1" },
        maxReplyBytes: replyBytes,
      }),
    );
  }

  /** Null when there is none. */
  async get(key: string): Promise<StoredDocument | null> {
    return this.#patiently(async () => {
      this.operations.reads++;
      const reply = await this.#send({ method: "GET", key, maxReplyBytes: documentBytes });
      if (reply.status === 404) return null;
      return { text: ok(reply).body, etag: reply.headers.etag ?? "" };
    });
  }

  async has(key: string): Promise<boolean> {
    return (await this.metadata(key)) !== null;
  }

  /** Custom metadata of an object, names without their prefix; null when there is none. */
  async metadata(key: string): Promise<Readonly<Record<string, string>> | null> {
    return this.#patiently(async () => {
      this.operations.reads++;
      const reply = await this.#send({ method: "HEAD", key, maxReplyBytes: replyBytes });
      if (reply.status === 404) return null;
      const found: Record<string, string> = {};
      for (const [name, value] of Object.entries(ok(reply).headers))
        if (name.startsWith(metaPrefix)) found[name.slice(metaPrefix.length)] = String(value);
      return found;
    });
  }

  /** False when the condition did not hold. A put whose reply was lost finds what it put itself. */
  async put(key: string, object: SegmentObject, condition?: Condition): Promise<boolean> {
    const headers: Record<string, string> = { "Content-Type": object.contentType };
    if (condition === "absent") headers["If-None-Match"] = "*";
    else if (condition) headers["If-Match"] = condition.etag;
    for (const [name, value] of Object.entries(object.metadata)) headers[metaPrefix + name] = value;
    return this.#patiently(async () => {
      this.operations.puts++;
      const { body } = object;
      const reply = await this.#send({ method: "PUT", key, headers, body, maxReplyBytes: replyBytes });
      return reply.status !== 412 && ok(reply).status === 200;
    });
  }

  /** One that is not there is deleted. */
  async delete(key: string): Promise<void> {
    await this.#patiently(async () => {
      this.operations.deletes++;
      const reply = await this.#send({ method: "DELETE", key, maxReplyBytes: replyBytes });
      if (reply.status !== 404) ok(reply);
    });
  }

  /** In the order of their keys. */
  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let token: string | null = null;
    do {
      const query: Record<string, string> = { "list-type": "2", "encoding-type": "url", prefix };
      if (token !== null) query["continuation-token"] = token;
      const page = await this.#patiently(async () => {
        this.operations.lists++;
        return pageOf(ok(await this.#send({ method: "GET", query, maxReplyBytes: listBytes })));
      });
      yield* page.objects;
      token = page.next;
    } while (token !== null);
  }

  async #patiently<T>(act: () => Promise<T>): Promise<T> {
    const backoff = new Backoff(requestRetry);
    for (;;) {
      try {
        const result = await act();
        this.#failingSinceMs = null;
        return result;
      } catch (error) {
        this.#given.signal.throwIfAborted();
        if (!(error instanceof StorageError) || !error.isPassing) throw error;
        const now = this.#now();
        if (this.#failingSinceMs === null) this.#given.onTrouble(error.message);
        this.#failingSinceMs ??= now;
        if (now - this.#failingSinceMs >= this.#patienceMs) throw error;
        backoff.fail(now, error.retryAfterMs);
        await sleep(backoff.retryAtMs - now, undefined, { signal: this.#given.signal });
      }
    }
  }

  async #send({ method, key, query, headers = {}, body, maxReplyBytes }: StoreRequest): Promise<HttpReply> {
    const { signal } = this.#given;
    const search =
      query === undefined ? "" : `?${new URLSearchParams(query).toString().replaceAll("+", "%20")}`;
    const url = `${this.#bucket.url}${key === undefined ? "" : `/${key}`}${search}`;
    const sent = body === undefined ? {} : { body };
    const timeoutMs = requestTimeoutMs;
    try {
      return await this.#bucket.ask({ url, method, headers }, async (signed) => {
        const request = { url, method, headers: signed, ...sent, signal, timeoutMs, maxReplyBytes };
        const reply = await exchange(request);
        return { reply, status: reply.status, date: reply.headers.date };
      });
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof Error && "code" in error ? { code: String(error.code) } : {};
      throw new StorageError(reasonOf(error), code);
    }
  }
}

const metaPrefix = "x-amz-meta-";

interface StoreRequest extends Pick<HttpRequest, "method" | "maxReplyBytes"> {
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

/** The reply, when it grants the request. */
function ok(reply: HttpReply): HttpReply {
  const { status, headers, body } = reply;
  if (status >= 200 && status < 300) return reply;
  const seconds = Number(headers["retry-after"] ?? 0);
  const said = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(body)?.[1];
  throw new StorageError(`storage answered ${status}${said === undefined ? "" : ` ${said}`}`, {
    status,
    retryAfterMs: seconds >= 0 ? seconds * 1000 : 0,
  });
}

function pageOf({ status, body }: HttpReply): ListingPage {
  try {
    return parseListing(body);
  } catch (error) {
    throw new StorageError(reasonOf(error), { status });
  }
}
