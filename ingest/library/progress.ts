import { MultiBar } from "cli-progress";
import { plainProgressMs } from "./limits.ts";
import { printable, shortened } from "./printable.ts";

/** What a command does at the moment, for people. */
export interface Progress {
  /** Begins a stretch of work of `total` steps; the one before has ended. */
  begin(doing: string, total: number): void;
  /** `name` is being worked on, `done` steps are behind; `figure`: whatever else is worth seeing. */
  at(done: number, name: string, figure?: string): void;
  /** A line that stays. Of names that others chose it shows only what is safe. */
  say(line: string): void;
  /** A line for who has no bar to look at. */
  note(line: string): void;
  /** Takes away what does not stay. */
  end(): void;
}

type Terminal = NodeJS.WriteStream;

/** A bar on a terminal; elsewhere a line now and then. */
export const openProgress = (stream: Terminal): Progress =>
  stream.isTTY ? new BarProgress(stream) : new PlainProgress(stream);

class BarProgress implements Progress {
  readonly #stream: Terminal;
  #bars: MultiBar | null = null;
  #bar: ReturnType<MultiBar["create"]> | null = null;

  constructor(stream: Terminal) {
    this.#stream = stream;
  }

  begin(doing: string, total: number): void {
    this.end();
    const format = (
      _: unknown,
      { value, total: all }: { value: number; total: number },
      told: Told,
    ): string => {
      const width = Math.max(40, this.#stream.columns || 80);
      const fraction = all === 0 ? 1 : Math.min(1, value / all);
      const full = Math.round(fraction * barWidth);
      const bar = `${"█".repeat(full)}${"░".repeat(barWidth - full)}`;
      const head = `${doing} ${bar} ${value}/${all}  ${told.figure === "" ? "" : `${told.figure}  `}`;
      // One line, or the next redraw begins in the wrong place; a wide letter takes two cells.
      const room = width - head.length - 2;
      return room < 8
        ? head.slice(0, width - 1)
        : head + shortened(told.name, cells(told.name) > told.name.length ? room >> 1 : room);
    };
    const bars = new MultiBar({
      format,
      stream: this.#stream,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      linewrap: null,
      fps: 8,
    });
    this.#bars = bars;
    this.#bar = bars.create(total, 0, { name: "", figure: "" } satisfies Told);
  }

  at(done: number, name: string, figure = ""): void {
    this.#bar?.update(done, { name: printable(name), figure } satisfies Told);
  }

  say(line: string): void {
    if (this.#bars) this.#bars.log(`${line}\n`);
    else this.#stream.write(`${line}\n`);
  }

  note(): void {
    // The bar says it.
  }

  end(): void {
    if (!this.#bars) return;
    // Writes the lines that wait; `stop` alone would lose them.
    this.#bars.update();
    this.#bars.stop();
    this.#bars = null;
    this.#bar = null;
  }
}

interface Told {
  readonly name: string;
  readonly figure: string;
}

const barWidth = 24;

/** Cells of a terminal at most. */
const cells = (text: string): number =>
  Array.from(text).reduce((sum, character) => sum + (character > "\u10ff" ? 2 : 1), 0);

class PlainProgress implements Progress {
  readonly #stream: Terminal;
  #doing = "";
  #total = 0;
  #toldMs = 0;

  constructor(stream: Terminal) {
    this.#stream = stream;
  }

  begin(doing: string, total: number): void {
    this.#doing = doing;
    this.#total = total;
    this.#toldMs = performance.now();
  }

  at(done: number, name: string, figure = ""): void {
    const now = performance.now();
    if (now - this.#toldMs < plainProgressMs) return;
    this.#toldMs = now;
    const figures = figure === "" ? "" : `, ${figure}`;
    this.say(`${this.#doing}: ${done} of ${this.#total}${figures}, now ${printable(name)}`);
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  note(line: string): void {
    this.#toldMs = performance.now();
    this.say(line);
  }

  end(): void {
    this.#doing = "";
  }
}
