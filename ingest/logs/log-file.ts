import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { logDate } from "./log-lines.ts";

export interface LogFileOptions {
  /** Absolute; its folder is made. */
  readonly path: string;
  /** A file that would become larger is put aside first; 0: never. */
  readonly maxBytes: number;
  /** Put aside with a date, and not as `.old` in the place of the one before. */
  readonly archive: boolean;
  readonly now?: () => number;
}

/** Where in the file a piece begins, before it is written. */
export type BeforeWrite = (at: { readonly offset: number }) => Promise<void>;

/**
 * A text file that only grows, opened when it is first written to and after `reopen`. One piece is written at a time and
 * in order; a piece that the disk takes in part only is taken back.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  #handle: FileHandle | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  /** Rejects when the disk does not take it whole: then none of it is there. `sync`: resolves when it would outlive the machine. */
  append(
    text: string,
    { sync = false, before }: { sync?: boolean; before?: BeforeWrite } = {},
  ): Promise<void> {
    return this.#inTurn(() => this.#append(Buffer.from(text), sync, before));
  }

  /** What the file has from `offset` on, `bytes` at most. */
  read(offset: number, bytes: number): Promise<Buffer> {
    return this.#inTurn(async () => {
      const file = await open(this.path, "r");
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    });
  }

  /** For who moves the file away: what follows goes to a new one of its name. */
  reopen(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #append(bytes: Buffer, sync: boolean, before: BeforeWrite | undefined): Promise<void> {
    let handle = await this.#open();
    let { size } = await handle.stat();
    const { maxBytes } = this.#options;
    if (maxBytes > 0 && size > 0 && size + bytes.length > maxBytes) {
      await this.#putAside();
      handle = await this.#open();
      ({ size } = await handle.stat());
    }
    await before?.({ offset: size });
    try {
      await handle.appendFile(bytes);
      if (sync) await handle.datasync();
    } catch (error) {
      // A file that cannot be cut either is left as it is: the first failure is what counts.
      await handle.truncate(size).catch(() => undefined);
      await this.#close().catch(() => undefined);
      throw error;
    }
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle) return this.#handle;
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    this.#handle = await open(path, "a", 0o640);
    return this.#handle;
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async #putAside(): Promise<void> {
    const { path } = this.#options;
    await this.#close();
    await rename(path, this.#options.archive ? await this.#archiveName() : `${path}.old`);
  }

  /** `access.log.20261121_001224` as Icecast; of those of one second the later ones have a number. */
  async #archiveName(): Promise<string> {
    const now = (this.#options.now ?? Date.now)();
    const offset = -new Date(now).getTimezoneOffset();
    const [, day, month, year, time] = /^(..)\/(...)\/(\d+):(\S+)/.exec(logDate(now, offset)) ?? [];
    const monthNumber = String(1 + "JanFebMarAprMayJunJulAugSepOctNovDec".indexOf(month ?? "") / 3).padStart(
      2,
      "0",
    );
    const base = `${this.#options.path}.${year}${monthNumber}${day}_${(time ?? "").replaceAll(":", "")}`;
    for (let number = 1; ; number++) {
      const name = number === 1 ? base : `${base}.${number}`;
      const taken = await stat(name).then(
        () => true,
        () => false,
      );
      if (!taken) return name;
    }
  }
}
