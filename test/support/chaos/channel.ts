import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../wait.ts";
import { type ArchiveReport, checkArchive } from "./archive-check.ts";
import { ChaosListener } from "./chaos-listener.ts";
import { ChaosSource } from "./chaos-source.ts";
import { type Rig, segmentMs } from "./rig.ts";
import { TitleBook } from "./title-book.ts";

export interface ChannelOptions {
  readonly mount: string;
  /** Ingest hosts of its source, the preferred one first. */
  readonly ports: readonly number[];
  readonly listeners: number;
  readonly random: () => number;
  /** Of the listeners' lines; without it they have none but the machine's. */
  readonly bytesPerSecond?: number | undefined;
}

/** Longest time from the end of a fault until everything that had to wait is stored, ms. */
const archiveWithinMs = 40_000;
/** What listeners still have to be sent when the source has ended. */
const lastSegmentMs = 3_000;

/** One mount under test: its sources, its listeners, and what all of them counted. */
export class Channel {
  readonly mount: string;
  readonly sources: ChaosSource[] = [];
  readonly listeners: ChaosListener[] = [];
  /** Faults it has been through. */
  faults = 0;
  readonly random: () => number;
  readonly #rig: Rig;
  readonly #titles = new TitleBook();

  constructor(rig: Rig, { mount, ports, listeners, random, bytesPerSecond }: ChannelOptions) {
    this.#rig = rig;
    this.mount = mount;
    this.random = random;
    this.addSource(ports);
    for (let seat = 0; seat < listeners; seat++) {
      const url = rig.stack.edgeUrl + mount;
      this.listeners.push(
        new ChaosListener({
          url,
          icy: seat % 4 !== 3,
          titles: this.#titles,
          ...(bytesPerSecond === undefined ? {} : { connect: () => rig.slowLine(bytesPerSecond) }),
        }),
      );
    }
  }

  /** The first source, whose connection most faults concern. */
  get source(): ChaosSource {
    const [first] = this.sources;
    if (!first) throw new Error("a channel without a source");
    return first;
  }

  addSource(ports: readonly number[]): ChaosSource {
    const { mount, random } = this;
    const { password } = this.#rig.stack;
    const id = this.sources.length + 1;
    const source = new ChaosSource({ id, mount, password, ports, random, titles: this.#titles });
    this.sources.push(source);
    source.start();
    return source;
  }

  /** Resolves when every listener has heard the source; rejects telling what is known. */
  async onAir(): Promise<void> {
    try {
      await waitFor("", () => this.listeners.every(({ hasStarted }) => hasStarted), 40_000);
    } catch (error) {
      const refusals = JSON.stringify(this.sources.map((source) => [...source.refusals]));
      throw new Error(`${this.mount} does not come on air: ${refusals}`, { cause: error });
    }
  }

  /** Resolves when a source is connected; for a fault that ends connections, `afterMs` later. */
  async connected(afterMs = 0): Promise<void> {
    await sleep(afterMs);
    await waitFor(
      `a source of ${this.mount} to be back (${JSON.stringify(this.sources.map((source) => [...source.refusals]))})`,
      () => this.sources.some(({ port }) => port !== undefined),
      60_000,
    );
  }

  /** Ends the sources, lets the listeners hear the rest, and reads the archive until nothing is missing or time is up. */
  async finish(): Promise<ArchiveReport> {
    await Promise.all(this.sources.map((source) => source.stop()));
    await sleep(lastSegmentMs);
    for (const listener of this.listeners) listener.close();
    const until = performance.now() + archiveWithinMs;
    for (;;) {
      const report = await checkArchive(this.#rig.bucket, this.mount, this.sources, segmentMs);
      if (report.missing === 0 || performance.now() > until) return report;
      await sleep(2_000);
    }
  }

  /** Leaves everything as it is. */
  abandon(): void {
    for (const listener of this.listeners) listener.close();
    for (const source of this.sources) void source.stop();
  }
}
