import { decodeSegmentMetadata } from "../shared/object-format.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { SegmentRef } from "../shared/segment.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { cacheReadTimeoutMs, cacheRestMs, cacheSeconds } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";

/** A segment's object, as storage has it. */
export interface StoredObject {
  readonly body: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Segments that the isolates of one data centre share through Cloudflare's Cache API, where `SEGMENT_CACHE` asks for it.
 * Never more than a help: where it is absent, refuses, takes long or has something else, the bucket is read.
 *
 * Entry: `https://<host the listener asked>/<key>` in the cache `segments`, which the site's own content is not in. (The
 * platform advises against other hosts: they cost a look-up of the name.) The body is the segment's, its custom metadata
 * stands in headers `skywave-<name>`, without the titles, which the mount tells.
 */
export class DataCentreCache {
  /** Requests that may not ask any more: the platform allows each only so many calls. */
  readonly #refused = new WeakSet<Host>();
  #slowAtMs = 0;

  /** The segment that `ref` names, by size, place and time; null when it is not to be had, soon. */
  async read(key: string, ref: SegmentRef, host: Host): Promise<StoredObject | null> {
    if (!this.#mayAsk(host)) return null;
    isolateAsked.cacheReads++;
    const reading = readEntry(key, host).catch(() => {
      this.#refused.add(host);
      return null;
    });
    const object = await settledWithin(reading, cacheReadTimeoutMs);
    if (object === undefined) this.#slowAtMs = Date.now();
    if (!object) return null;
    if (!isOf(ref, object)) {
      console.warn("the data centre's cache has something else", key);
      return null;
    }
    isolateAsked.cacheHits++;
    return object;
  }

  /** Keeps an object for the others, in the background. */
  write(key: string, object: StoredObject, host: Host): void {
    if (!this.#mayAsk(host)) return;
    isolateAsked.cacheWrites++;
    host.keepAlive(writeEntry(key, object, host).catch(() => this.#refused.add(host)));
  }

  #mayAsk(host: Host): boolean {
    if (!host.env.SEGMENT_CACHE || typeof caches === "undefined") return false;
    return !this.#refused.has(host) && msSince(this.#slowAtMs) >= cacheRestMs;
  }
}

const cacheName = "segments";
const headerPrefix = "skywave-";

const urlOf = (key: string, { hostname }: Host): string => `https://${hostname}/${key}`;

async function readEntry(key: string, host: Host): Promise<StoredObject | null> {
  const cache = await caches.open(cacheName);
  const reply = await cache.match(urlOf(key, host));
  if (!reply) return null;
  const body = new Uint8Array(await reply.arrayBuffer());
  const metadata = [...reply.headers]
    .filter(([name]) => name.startsWith(headerPrefix))
    .map(([name, value]) => [name.slice(headerPrefix.length), value]);
  return { body, metadata: Object.fromEntries(metadata) };
}

async function writeEntry(key: string, { body, metadata }: StoredObject, host: Host): Promise<void> {
  const headers = new Headers({
    "Content-Type": "audio/mpeg",
    "Content-Length": String(body.length),
    "Cache-Control": `public, max-age=${cacheSeconds}, immutable`,
  });
  for (const [name, value] of Object.entries(metadata)) {
    if (name !== "titles") headers.set(headerPrefix + name, value);
  }
  const cache = await caches.open(cacheName);
  await cache.put(urlOf(key, host), new Response(body, { headers }));
}

/** A station that begins anew on an empty bucket uses its keys again: the time tells its segments from those before. */
function isOf(ref: SegmentRef, { body, metadata }: StoredObject): boolean {
  try {
    const { startMs, firstSample, samples, sampleRate } = decodeSegmentMetadata(metadata);
    return (
      body.length === ref.bytes &&
      startMs === ref.startMs &&
      firstSample === ref.firstSample &&
      samples === ref.samples &&
      sampleRate === ref.sampleRate
    );
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
