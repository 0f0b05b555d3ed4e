import { join } from "node:path";
import type { IngestMount, IngestSettings } from "../../config/ingest-settings.ts";
import type { Frame } from "../../shared/codec/codec.ts";
import { dumpPath } from "../../shared/dump-path.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { MountPath } from "../../shared/units.ts";
import { rulesOfMount } from "../access/mount-rules.ts";
import type { Log } from "../log.ts";
import { type DumpDisk, nodeDumpDisk } from "./dump-disk.ts";
import { DumpWriter } from "./dump-writer.ts";
import { dumpOperations } from "./limits.ts";
import { Turns } from "./turns.ts";

/** Takes what one source sends, whole frames in order. */
export interface FrameSink {
  /** The frames' bytes may be used again after the call. */
  push(frames: readonly Pick<Frame, "bytes">[]): void;
  end(): void;
}

export interface DumpsOptions {
  readonly settings: { readonly now: Pick<IngestSettings, "dataDir" | "mounts" | "timeZone"> };
  readonly log: Log;
  readonly disk?: DumpDisk;
}

type Rules = Pick<IngestMount, "dumpFile" | "dumpRotateBytes" | "dumpRotateMs" | "timeZone">;

/** Recordings on this host, of the mounts whose settings name a file for one. */
export class Dumps {
  readonly #options: DumpsOptions;
  readonly #turns = new Turns(dumpOperations);
  readonly #held = new Set<string>();
  readonly #sources = new Set<SourceDump>();
  /** The last of each mount that are not closed yet. */
  readonly #closing = new Map<MountPath, Promise<void>>();

  constructor(options: DumpsOptions) {
    this.#options = options;
  }

  /** File operations are under way. */
  get isBusy(): boolean {
    return this.#turns.isBusy;
  }

  /** For a source that has come. A file is opened with its first frame. */
  open(mount: MountPath): FrameSink {
    const source = new SourceDump(
      () => this.#rules(mount),
      (rules) => this.#write(mount, rules),
      () => this.#sources.delete(source),
    );
    this.#sources.add(source);
    return source;
  }

  /** The settings have changed: dumps whose own did not go on. */
  change(): void {
    for (const source of this.#sources) source.change();
  }

  /** No dump goes on. Resolves when all are closed, or after `ms`. */
  async stop(ms: number): Promise<void> {
    for (const source of [...this.#sources]) source.end();
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, ms);
    await Promise.race([Promise.all(this.#closing.values()), patience.promise]);
    clearTimeout(timer);
  }

  #rules(mount: MountPath): Rules {
    const { mounts, timeZone } = this.#options.settings.now;
    const { dumpFile, dumpRotateBytes, dumpRotateMs, timeZone: own } = rulesOfMount(mounts, mount);
    const zone = own ?? timeZone;
    return {
      ...(dumpFile !== undefined && { dumpFile }),
      ...(dumpRotateBytes !== undefined && { dumpRotateBytes }),
      ...(dumpRotateMs !== undefined && { dumpRotateMs }),
      ...(zone !== undefined && { timeZone: zone }),
    };
  }

  #write(mount: MountPath, rules: Rules): DumpWriter | null {
    const { dumpFile: pattern = "", dumpRotateBytes = 0, dumpRotateMs = 0, timeZone = "UTC" } = rules;
    if (pattern === "") return null;
    const { settings, log, disk = nodeDumpDisk } = this.#options;
    const root = join(settings.now.dataDir, "dumps");
    const path = (startMs: number) => dumpPath({ pattern, timeZone }, { root, mount, startMs });
    try {
      path(Date.now());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.error({ mount, reason: error.message }, "the mount's name makes no file's name: it has no dump");
      return null;
    }
    const writer = new DumpWriter(
      {
        rotation: { bytes: dumpRotateBytes, ms: dumpRotateMs, timeZone },
        path,
        disk,
        inTurn: (work) => this.#turns.take(work),
        held: this.#held,
        log: log.child({ mount }),
      },
      this.#closing.get(mount),
    );
    const { closed } = writer;
    this.#closing.set(mount, closed);
    void closed.then(() => {
      if (this.#closing.get(mount) === closed) this.#closing.delete(mount);
    });
    return writer;
  }
}

/** The dumps of one source: one, or several one after another when the settings change. */
class SourceDump implements FrameSink {
  readonly #rules: () => Rules;
  readonly #open: (rules: Rules) => DumpWriter | null;
  readonly #onEnd: () => void;
  /** Undefined before the first frame. */
  #writer: DumpWriter | null | undefined;
  #openedWith = "";

  constructor(rules: () => Rules, open: (rules: Rules) => DumpWriter | null, onEnd: () => void) {
    this.#rules = rules;
    this.#open = open;
    this.#onEnd = onEnd;
  }

  push(frames: readonly Pick<Frame, "bytes">[]): void {
    if (this.#writer === undefined) {
      const rules = this.#rules();
      this.#openedWith = JSON.stringify(rules);
      this.#writer = this.#open(rules);
    }
    this.#writer?.push(frames, Date.now());
  }

  change(): void {
    if (this.#writer === undefined || JSON.stringify(this.#rules()) === this.#openedWith) return;
    void this.#writer?.end();
    this.#writer = undefined;
  }

  end(): void {
    void this.#writer?.end();
    this.#writer = null;
    this.#onEnd();
  }
}
