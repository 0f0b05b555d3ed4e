import { concatenate } from "../../shared/concatenate.ts";
import type { Frame } from "../../shared/codec/codec.ts";
import { strftime } from "../../shared/strftime.ts";

export interface DumpRotation {
  /** A file that would become larger ends before, 0: never. */
  readonly bytes: number;
  /** A file ends at whole multiples of it from midnight in the time zone, ms; 0: never. */
  readonly ms: number;
  /** IANA name. */
  readonly timeZone: string;
}

/** Whole frames of one file, in order. */
export interface DumpPiece {
  /** Counts the files of a source from 0. */
  readonly file: number;
  /** When the file's first frame came, ms since the Unix epoch. */
  readonly startMs: number;
  readonly bytes: Uint8Array;
}

/** What was left out. */
export interface DumpLoss {
  readonly frames: number;
  readonly bytes: number;
}

/**
 * Frames between a source and its dump: which file each goes to, and which are left out because the disk is too far behind. Once
 * some are left out, so is all until half of the room is free: one long hole sounds better than many.
 */
export class DumpQueue {
  readonly #rotation: DumpRotation;
  readonly #room: number;
  readonly #open: OpenFile[] = [];
  /** The file that the next frame goes to if nothing ends it. */
  #file = -1;
  #startMs = 0;
  #fileBytes = 0;
  #endsMs = Number.POSITIVE_INFINITY;
  #waiting = 0;
  #taken = 0;
  #isFull = false;
  #lost: DumpLoss = { frames: 0, bytes: 0 };

  /** `room`: bytes that may wait, those that are being written among them. */
  constructor(rotation: DumpRotation, room: number) {
    this.#rotation = rotation;
    this.#room = room;
  }

  get lost(): DumpLoss {
    return this.#lost;
  }

  get isEmpty(): boolean {
    return this.#open.length === 0;
  }

  /** Copies them. `nowMs`: the wall clock. */
  push(frames: readonly Pick<Frame, "bytes">[], nowMs: number): void {
    let run: Uint8Array[] = [];
    for (const { bytes } of frames) {
      if (!this.#fits(bytes.length)) {
        this.#lost = { frames: this.#lost.frames + 1, bytes: this.#lost.bytes + bytes.length };
        continue;
      }
      if (this.#isOver(bytes.length, nowMs)) {
        this.#append(run);
        run = [];
        this.#begin(nowMs);
      }
      run.push(bytes);
      this.#fileBytes += bytes.length;
      this.#waiting += bytes.length;
    }
    this.#append(run);
  }

  /** The file that is being written had so much already. By then it may have been given more than it has room for. */
  found(file: number, bytes: number): void {
    if (file === this.#file) this.#fileBytes += bytes;
  }

  /** What is to be written next; null when nothing waits. It takes room until `done`. */
  take(): DumpPiece | null {
    const next = this.#open.shift();
    if (!next) return null;
    const bytes = concatenate(next.parts);
    this.#waiting -= bytes.length;
    this.#taken = bytes.length;
    return { file: next.file, startMs: next.startMs, bytes };
  }

  done(): void {
    this.#taken = 0;
  }

  #fits(bytes: number): boolean {
    const used = this.#waiting + this.#taken;
    this.#isFull = used + bytes > this.#room || (this.#isFull && used > this.#room / 2);
    return !this.#isFull;
  }

  #isOver(bytes: number, nowMs: number): boolean {
    const { bytes: most } = this.#rotation;
    if (this.#file < 0 || nowMs >= this.#endsMs) return true;
    return most > 0 && this.#fileBytes > 0 && this.#fileBytes + bytes > most;
  }

  #begin(nowMs: number): void {
    this.#file++;
    this.#startMs = nowMs;
    this.#fileBytes = 0;
    this.#endsMs = endOfSpan(nowMs, this.#rotation);
  }

  #append(run: readonly Uint8Array[]): void {
    if (run.length === 0) return;
    const last = this.#open.at(-1);
    const open = last?.file === this.#file ? last : { file: this.#file, startMs: this.#startMs, parts: [] };
    if (open !== last) this.#open.push(open);
    open.parts.push(concatenate(run));
  }
}

interface OpenFile {
  readonly file: number;
  readonly startMs: number;
  readonly parts: Uint8Array[];
}

/** When the span of a rotation that a moment is in ends. */
export function endOfSpan(nowMs: number, { ms, timeZone }: Pick<DumpRotation, "ms" | "timeZone">): number {
  if (ms === 0) return Number.POSITIVE_INFINITY;
  const eastMs = eastOfGreenwichMs(nowMs, timeZone);
  return (Math.floor((nowMs + eastMs) / ms) + 1) * ms - eastMs;
}

function eastOfGreenwichMs(ms: number, timeZone: string): number {
  const [, sign, hours = "0", minutes = "0"] =
    /^([+-])(\d\d)(\d\d)$/.exec(strftime("%z", ms, timeZone)) ?? [];
  const size = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? -size : size;
}
