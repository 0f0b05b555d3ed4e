/** Frames after which a title must have reached listeners: a metadata interval of 4,000 bytes, a request, a busy machine. */
const lateFrames = 84;
/** Frames by which a title may be ahead of what had been sent when it was set. */
const earlyFrames = 42;

interface Entry {
  readonly kind: "began" | "set";
  /** The frame that was sent next. */
  readonly number: number;
}

/** What titles the sources of one mount have set, and when by their frames. */
export class TitleBook {
  readonly #entries = new Map<number, Entry[]>();

  /** The title that a source sets at a frame. */
  static text(source: number, number: number): string {
    return `노래 ${source}:${number}`;
  }

  /** A connection: no title until one is set. */
  began(source: number, number: number): void {
    this.#of(source).push({ kind: "began", number });
  }

  set(source: number, number: number): void {
    this.#of(source).push({ kind: "set", number });
  }

  /** Whether a listener that sees `text` at a frame sees something that does not belong to it. */
  isWrong(text: string, source: number, number: number): boolean {
    const [, titleSource, titleNumber] = /^노래 (\d+):(\d+)$/.exec(text) ?? [];
    if (text !== "" && titleNumber === undefined) return true;
    const known = this.#of(source).filter((entry) => entry.number <= number);
    const due = known.findLast((entry) => entry.number + lateFrames <= number);
    // So early in a connection the title before it may still stand.
    const early = known.some((entry) => entry.kind === "began" && entry.number + lateFrames > number);
    if (due === undefined || early) return false;
    if (text === "") return due.kind === "set";
    if (Number(titleSource) !== source || Number(titleNumber) > number + earlyFrames) return true;
    return due.kind === "set" && Number(titleNumber) < due.number;
  }

  #of(source: number): Entry[] {
    const entries = this.#entries.get(source) ?? [];
    this.#entries.set(source, entries);
    return entries;
  }
}
