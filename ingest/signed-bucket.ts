import type { IngestSettings } from "../config/ingest-settings.ts";
import type { Log } from "./log.ts";
import { StorageClock } from "./storage-clock.ts";
import { signedHeaders, StorageKey } from "./storage-signer.ts";

interface ToSign {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
}

/** Sends a request with the headers it is given, and tells what came; `date` is the reply's header of that name. */
type Send<Reply> = (
  headers: Record<string, string>,
) => Promise<{ readonly reply: Reply; readonly status: number; readonly date: string | undefined }>;

/**
 * The station's bucket in the S3 API, path style, region `auto`: what is asked of it is signed, and once more with the time
 * of storage where this host's clock turns out to be wrong. R2 and local storage answer alike.
 */
export class SignedBucket {
  /** Without a trailing slash. */
  readonly url: string;
  readonly #key: StorageKey;
  readonly #clock: StorageClock;
  readonly #log: Pick<Log, "warn"> | undefined;

  constructor(
    storage: IngestSettings["storage"],
    { clock = new StorageClock(), log }: { clock?: StorageClock; log?: Pick<Log, "warn"> | undefined } = {},
  ) {
    this.url = storage.bucketUrl;
    this.#key = new StorageKey(storage);
    this.#clock = clock;
    this.#log = log;
  }

  /** Rejects as `send` does. */
  async ask<Reply>(request: ToSign, send: Send<Reply>): Promise<Reply> {
    const { reply, status, date } = await send(await this.#signed(request));
    const offsetMs = status === 403 ? this.#clock.learn(date) : null;
    if (offsetMs === null) return reply;
    this.#log?.warn(
      { offsetMs },
      "the clock of this host is wrong: requests are signed with that of storage",
    );
    return (await send(await this.#signed(request))).reply;
  }

  #signed(request: ToSign): Promise<Record<string, string>> {
    return signedHeaders({ ...request, datetime: this.#clock.signingDate }, this.#key);
  }
}
