import { createHash } from "node:crypto";
import type { NumberedRecord } from "../../shared/edge-api.ts";
import { type AccessPosition, readPosition, writePosition } from "./access-position.ts";
import { type AccessEntry, accessLine } from "./log-lines.ts";
import type { LogFile } from "./log-file.ts";

export interface AccessLogOptions {
  /** Sessions that have ended, in order; those up to `after` are forgotten. */
  readonly records: (after: number) => Promise<readonly NumberedRecord[]>;
  readonly file: () => LogFile;
  /** Where it is kept how far the log is. */
  readonly positionFile: string;
  readonly offsetMinutes: (atMs: number) => number;
}

/**
 * Brings the edge's records into the access log, each once: a batch is written and synced before the edge is told to
 * forget it, and where it begins is noted before. Only what a power cut leaves of a batch, and one whose file is moved away
 * in the moment of a crash, comes a second time.
 */
export class AccessLog {
  readonly #options: AccessLogOptions;
  #position: AccessPosition | null = null;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  /** One batch: how many lines it had. Rejects when edge or disk do not take part; nothing is lost then. */
  async take(): Promise<number> {
    const { records, offsetMinutes, positionFile } = this.#options;
    const file = this.#options.file();
    this.#position = await this.#settled(this.#position ?? (await readPosition(positionFile)), file);
    const { after } = this.#position;
    const batch = (await records(after)).filter(({ sequence }) => sequence > after);
    const last = batch.at(-1);
    if (!last) return 0;
    const lines = batch.map((record) => accessLine(entryOf(record), offsetMinutes(record.endedMs))).join("");
    const piece = { sequence: last.sequence, bytes: Buffer.byteLength(lines), digest: digestOf(lines) };
    const before = ({ offset }: { readonly offset: number }) =>
      writePosition(positionFile, { format: 1, after, writing: { ...piece, offset } });
    await file.append(lines, { sync: true, before });
    await this.#note({ format: 1, after: last.sequence });
    return batch.length;
  }

  /** A batch that may or may not have been written when an earlier process ended. */
  async #settled(position: AccessPosition, file: LogFile): Promise<AccessPosition> {
    const { writing } = position;
    if (!writing) return position;
    const found = await file.read(writing.offset, writing.bytes).catch(() => Buffer.alloc(0));
    return { format: 1, after: digestOf(found) === writing.digest ? writing.sequence : position.after };
  }

  async #note(position: AccessPosition): Promise<void> {
    // First in memory: this process knows what it has written, whatever becomes of the note.
    this.#position = position;
    await writePosition(this.#options.positionFile, position);
  }
}

const digestOf = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");
const entryOf = (record: NumberedRecord): AccessEntry => ({ ...record, bytes: record.bytesSent });
