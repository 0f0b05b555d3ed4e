import type { IngestSettings } from "../../../config/ingest-settings.ts";
import { reasonOf, type Log } from "../../log.ts";
import { SignedBucket } from "../../signed-bucket.ts";
import { type ListedObject, type ObjectVersion, parseListing } from "../../bucket-listing.ts";
import { fetchStallMs, listingBytes, listingMs, listingPages, placeObjects } from "./limits.ts";

/** Storage did not do what it was asked for; trying later may help. */
export class BucketError extends Error {
  override readonly name = "BucketError";
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;

  constructor(message: string, status?: number) {
    super(message);
    if (status !== undefined) this.status = status;
  }
}

/** The station's bucket by the S3 API, path style: what it has, and what is in it. */
export class BucketReader {
  readonly #bucket: SignedBucket;

  constructor(storage: IngestSettings["storage"], log: Pick<Log, "warn">) {
    this.#bucket = new SignedBucket(storage, { log });
  }

  /** Objects whose keys begin with `prefix`, `placeObjects` at most, in order of their keys. Rejects with BucketError. */
  async list(prefix: string, signal: AbortSignal): Promise<readonly ListedObject[]> {
    const objects: ListedObject[] = [];
    let next: string | null = null;
    let pages = 0;
    do {
      if (++pages > listingPages) throw new BucketError("the listing does not end");
      const query = new URLSearchParams({ "list-type": "2", "encoding-type": "url", prefix });
      if (next !== null) query.set("continuation-token", next);
      const page = await this.#page(`${this.#bucket.url}?${query.toString()}`, signal);
      if (page.next !== null && page.next === next) throw new BucketError("the listing does not go on");
      // Nothing else of what is in the bucket is for the air.
      for (const object of page.objects) if (object.key.startsWith(prefix)) objects.push(object);
      next = page.next;
    } while (next !== null && objects.length < placeObjects);
    return objects.slice(0, placeObjects);
  }

  /**
   * The bytes of an object as they arrive, of that version alone: rejects with BucketError and status 412 when another
   * has taken its place, and when nothing comes for `fetchStallMs`.
   */
  async *read({ key, etag }: ObjectVersion, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const url = `${this.#bucket.url}/${key.split("/").map(keyPart).join("/")}`;
    const stalled = new AbortController();
    const stall = () => stalled.abort(new BucketError("nothing came in time"));
    let timer = setTimeout(stall, fetchStallMs);
    try {
      const both = AbortSignal.any([signal, stalled.signal]);
      const response = await this.#get(url, { "If-Match": etag }, both);
      if (response.status !== 200 || response.body === null) {
        await response.body?.cancel();
        throw new BucketError(`storage answered ${response.status}`, response.status);
      }
      for await (const piece of response.body as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(stall, fetchStallMs);
        yield piece;
      }
    } catch (error) {
      throw error instanceof BucketError ? error : new BucketError(reasonOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  async #page(url: string, signal: AbortSignal): Promise<ReturnType<typeof parseListing>> {
    try {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(listingMs)]);
      const response = await this.#get(url, {}, inTime);
      const text = await bounded(response, listingBytes);
      if (response.status !== 200)
        throw new BucketError(`storage answered ${response.status}`, response.status);
      return parseListing(text);
    } catch (error) {
      throw error instanceof BucketError ? error : new BucketError(reasonOf(error));
    }
  }

  async #get(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    let refused: Response | undefined;
    return this.#bucket.ask({ url, method: "GET", headers }, async (signed) => {
      await refused?.body?.cancel();
      const reply = await fetch(url, { headers: signed, signal, redirect: "error" });
      refused = reply;
      return { reply, status: reply.status, date: reply.headers.get("date") ?? undefined };
    });
  }
}

/** As RFC 3986 has it: what `encodeURIComponent` leaves as it is would be encoded for the signature only. */
const keyPart = (part: string): string =>
  encodeURIComponent(part).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

async function bounded(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return "";
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > maxBytes) throw new BucketError(`the answer has more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
