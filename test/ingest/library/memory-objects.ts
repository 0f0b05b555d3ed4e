import { createHash } from "node:crypto";
import type { Objects } from "../../../ingest/library/object-store.ts";

interface Kept {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  putMs: number;
}

/** A bucket in memory, with conditions as storage has them, and what was asked of it. */
export class MemoryObjects implements Objects {
  readonly kept = new Map<string, Kept>();
  /** "PUT key" and so on, in order. */
  readonly asked: string[] = [];
  nowMs = 1_800_000_000_000;
  /** Called before each request: may reject, or change what is kept. */
  before: (request: string) => Promise<void> | void = () => undefined;

  async get(key: string) {
    await this.#ask(`GET ${key}`);
    const found = this.kept.get(key);
    return found ? { text: new TextDecoder().decode(found.body), etag: found.etag } : null;
  }

  async has(key: string) {
    await this.#ask(`HEAD ${key}`);
    return this.kept.has(key);
  }

  async metadata(key: string) {
    await this.#ask(`HEAD ${key}`);
    return this.kept.get(key)?.metadata ?? null;
  }

  async put(...[key, object, condition]: Parameters<Objects["put"]>) {
    await this.#ask(`PUT ${key}`);
    const there = this.kept.get(key);
    if (condition === "absent" && there) return false;
    if (typeof condition === "object" && there?.etag !== condition.etag) return false;
    const body = object.body.slice();
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    this.kept.set(key, { body, etag, metadata: object.metadata, putMs: this.nowMs });
    return true;
  }

  async delete(key: string) {
    await this.#ask(`DELETE ${key}`);
    this.kept.delete(key);
  }

  async *list(prefix: string) {
    await this.#ask(`LIST ${prefix}`);
    for (const [key, { body, etag, putMs }] of [...this.kept].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      if (key.startsWith(prefix)) yield { key, size: body.length, etag, putMs };
  }

  /** Keys that begin so, sorted. */
  keys(prefix = ""): string[] {
    return [...this.kept.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  }

  count(verb: string, prefix = ""): number {
    return this.asked.filter((each) => each.startsWith(`${verb} ${prefix}`)).length;
  }

  async #ask(request: string): Promise<void> {
    this.asked.push(request);
    await this.before(request);
  }
}
