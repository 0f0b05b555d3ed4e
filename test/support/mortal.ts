import type { FakeBucket } from "./fake-bucket.ts";
import type { fakeStorage } from "./fake-storage.ts";

type Storage = ReturnType<typeof fakeStorage>;

/**
 * A storage and a bucket of which any call may be the last that an object makes. As on the platform, what is written between two
 * waits is written together or not at all, and it is before anybody else hears of anything.
 */
export class Mortal {
  /** Of storage and bucket, by all lives. */
  calls = 0;
  deaths = 0;
  /** Whether it was killed before it could know what it had begun. */
  diedUploading = false;
  readonly #storage: Storage;
  readonly #bucket: FakeBucket;
  #left = Number.POSITIVE_INFINITY;
  #isDone = false;
  #life = 0;
  #died: () => void = () => undefined;
  #isOpen = false;
  #before = "";

  constructor(storage: Storage, bucket: FakeBucket) {
    this.#storage = storage;
    this.#bucket = bucket;
  }

  /** So many calls from now on, the last of which is carried out or not. */
  killAfter(calls: number, isDone: boolean): void {
    this.#left = calls;
    this.#isDone = isDone;
  }

  spare(): void {
    this.#left = Number.POSITIVE_INFINITY;
  }

  /** Null when it was killed in it. */
  until<Result>(work: () => Promise<Result>): Promise<Result | null> {
    const died = new Promise<null>((resolve) => (this.#died = () => resolve(null)));
    return Promise.race([work(), died]).catch((error: unknown) => {
      if (error instanceof Killed) return died;
      throw error;
    });
  }

  /** The next life. */
  born(): { readonly storage: unknown; readonly bucket: unknown } {
    const life = ++this.#life;
    const { sql, kv } = this.#storage;
    const storage = {
      sql: {
        exec: (query: string, ...values: never[]) => {
          this.#write(life);
          return sql.exec(query, ...values);
        },
      },
      kv: this.#guarded(kv, life, () => this.#write(life)),
      getAlarm: () => this.#call(life, "getAlarm", this.#storage.getAlarm),
      setAlarm: (ms: number) => this.#call(life, "setAlarm", () => this.#storage.setAlarm(ms)),
      deleteAlarm: () => this.#call(life, "deleteAlarm", this.#storage.deleteAlarm),
    };
    return { storage, bucket: this.#remote(this.#bucket, life) };
  }

  #guarded<Target extends object>(target: Target, life: number, before: () => void): Target {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...values: unknown[]): unknown => {
          if (life === this.#life) before();
          return Reflect.apply(value, target, values);
        };
      },
    });
  }

  #remote<Target extends object>(target: Target, life: number): Target {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        const apply = (...values: unknown[]): unknown => Reflect.apply(value, target, values);
        // An id is all that it is.
        if (name === "resumeMultipartUpload")
          return (...values: unknown[]) => this.#remote(apply(...values) as object, life);
        return async (...values: unknown[]): Promise<unknown> => {
          const result = await this.#call(life, String(name), async () => apply(...values));
          return name === "createMultipartUpload" ? this.#remote(result as object, life) : result;
        };
      },
    });
  }

  async #call<Result>(life: number, name: string, work: () => Promise<Result>): Promise<Result> {
    const never = new Promise<Result>(() => undefined);
    if (life !== this.#life) return never;
    this.#commit();
    this.calls++;
    this.#before = name;
    if (--this.#left > 0) {
      const result = await work();
      return life === this.#life ? result : never;
    }
    this.#die();
    if (this.#isDone) await work();
    return never;
  }

  /** Of its own storage, which is written at the next wait. */
  #write(life: number): void {
    if (life !== this.#life) throw new Killed();
    this.calls++;
    if (--this.#left <= 0) {
      if (this.#isOpen) this.#storage.sql.exec("ROLLBACK");
      this.#isOpen = false;
      this.#die();
      throw new Killed();
    }
    if (this.#isOpen) return;
    this.#storage.sql.exec("BEGIN");
    this.#isOpen = true;
    queueMicrotask(() => this.#commit());
  }

  #commit(): void {
    if (this.#isOpen) this.#storage.sql.exec("COMMIT");
    this.#isOpen = false;
  }

  #die(): void {
    if (this.#before === "createMultipartUpload") this.diedUploading = true;
    this.#left = Number.POSITIVE_INFINITY;
    this.#life++;
    this.deaths++;
    this.#died();
  }
}

class Killed extends Error {}
