import { join } from "node:path";
import type { LogSettings } from "../../config/ingest-settings.ts";
import type { NumberedRecord } from "../../shared/edge-api.ts";
import { type Log, reasonOf } from "../log.ts";
import { autoDjProtocol } from "../autodj/house.ts";
import { relayProtocol } from "../relay/relay-settings.ts";
import type { SourceEvent } from "../source-events.ts";
import {
  logComplainMs,
  logGoodbyeMs,
  logWaitingLines,
  recordsPollMs,
  recordsRetryMs,
} from "../station-limits.ts";
import { AccessLog } from "./access-log.ts";
import { LogFile } from "./log-file.ts";
import { accessLine, playlistLine } from "./log-lines.ts";

export interface StationLogsOptions {
  /** As they are now; absent: nothing is written. */
  readonly settings: () => LogSettings | undefined;
  readonly dataDir: string;
  readonly records: (after: number) => Promise<readonly NumberedRecord[]>;
  readonly log: Log;
  readonly pollMs?: number;
}

type Kind = "access" | "playlist";

const houseProtocols: ReadonlySet<string> = new Set([relayProtocol, autoDjProtocol]);

/** Icecast's log files: who listened and who was a source, and what was played. Nothing that befalls them reaches a stream. */
export class StationLogs {
  readonly #options: StationLogsOptions;
  readonly #files = new Map<Kind, { readonly file: LogFile; readonly key: string }>();
  readonly #access: AccessLog;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | null = null;
  /** The line that was written last. */
  #tail: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #waiting = 0;
  #lost = 0;
  #complainedMs = Number.NEGATIVE_INFINITY;

  constructor(options: StationLogsOptions) {
    this.#options = options;
    this.#access = new AccessLog({
      records: options.records,
      file: () => {
        const file = this.#file("access");
        if (!file) throw new Error("the access log is off");
        return file;
      },
      positionFile: join(options.dataDir, "access-log.json"),
      offsetMinutes,
    });
  }

  start(): void {
    this.#schedule(0);
  }

  /** Resolves when what is being written is, or after `logGoodbyeMs`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const written = Promise.all([this.#working, this.#tail]).then(() =>
      Promise.allSettled([...this.#files.values()].map(({ file }) => file.reopen())),
    );
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, logGoodbyeMs);
    await Promise.race([written, patience.promise]);
    clearTimeout(timer);
  }

  /** After log files have been moved away. */
  reopen(): void {
    for (const { file } of this.#files.values()) void file.reopen().catch(() => undefined);
  }

  /** A source's line when it has gone, as for a listener; a line for each title. */
  readonly take = (event: SourceEvent): void => {
    const { source, atMs } = event;
    const { mount, startedMs, user, info, bytes, listeners } = source;
    if (event.kind === "title") {
      const entry = { atMs, mount, listeners, title: event.title.text };
      this.#write("playlist", playlistLine(entry, offsetMinutes(atMs)));
    }
    // What is relayed or played by ourselves did not come here: Icecast writes no line either.
    if (event.kind !== "disconnected" || houseProtocols.has(info.protocol)) return;
    const method = info.protocol === "PUT" ? "PUT" : "SOURCE";
    const entry = {
      address: info.ip,
      user,
      startedMs,
      endedMs: atMs,
      request: `${method} ${mount} HTTP/1.0`,
      bytes,
      referer: "",
      userAgent: info.userAgent ?? "",
    };
    this.#write("access", accessLine(entry, offsetMinutes(atMs)));
  };

  #write(kind: Kind, line: string): void {
    const file = this.#file(kind);
    if (!file) return;
    if (this.#waiting >= logWaitingLines) return this.#lose(new Error("too many lines wait"));
    this.#waiting++;
    this.#tail = file
      .append(line)
      .catch((error: unknown) => this.#lose(error))
      .finally(() => this.#waiting--);
  }

  #file(kind: Kind): LogFile | null {
    const settings = this.#options.settings();
    const name = settings?.[kind];
    if (!settings || name === undefined) return null;
    const key = JSON.stringify([settings.folder, name, settings.maxBytes, settings.archive]);
    const known = this.#files.get(kind);
    if (known?.key === key) return known.file;
    void known?.file.reopen().catch(() => undefined);
    const { folder, maxBytes, archive } = settings;
    const file = new LogFile({ path: join(folder, name), maxBytes, archive });
    this.#files.set(kind, { file, key });
    return file;
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#takeRecords().then((nextMs) => this.#schedule(nextMs));
    }, ms).unref();
  }

  /** When to ask again, ms. */
  async #takeRecords(): Promise<number> {
    const pollMs = this.#options.pollMs ?? recordsPollMs;
    if (this.#options.settings()?.access === undefined) return pollMs;
    try {
      return (await this.#access.take()) > 0 ? 0 : pollMs;
    } catch (error) {
      this.#complain({ reason: reasonOf(error) }, "the access log waits");
      return Math.max(pollMs, Math.min(recordsRetryMs, 5 * pollMs));
    }
  }

  #lose(error: unknown): void {
    this.#lost++;
    this.#complain({ reason: reasonOf(error), lines: this.#lost }, "lines of a log are lost");
  }

  #complain(fields: Record<string, unknown>, message: string): void {
    const now = performance.now();
    if (now - this.#complainedMs < logComplainMs) return;
    this.#complainedMs = now;
    this.#options.log.warn(fields, message);
  }
}

/** How far the clock of this machine's place is ahead of UTC then. */
const offsetMinutes = (atMs: number): number => -new Date(atMs).getTimezoneOffset();
