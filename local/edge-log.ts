import { stripVTControlCharacters } from "node:util";
import { Log, LogLevel } from "miniflare";
import { type LogLine, level } from "./log.ts";

/** Writes one line of the edge's log. */
export function writeLine(line: Omit<LogLine, "name" | "time">): void {
  process.stdout.write(`${JSON.stringify({ time: Date.now(), name: "edge", ...line })}\n`);
}

/** Miniflare's own messages as log lines, without their colours. */
export class EdgeLog extends Log {
  readonly #onError: (error: Error) => void;

  /** `onError` is told of every error after it has been written. */
  constructor(onError: (error: Error) => void) {
    super(LogLevel.WARN);
    this.#onError = onError;
  }

  override error(error: Error): void {
    super.error(error);
    this.#onError(error);
  }

  override logWithLevel(miniflareLevel: LogLevel, message: string): void {
    if (miniflareLevel > this.level || miniflareLevel === LogLevel.NONE) return;
    const lineLevel = miniflareLevel === LogLevel.ERROR ? level.error : level.warn;
    writeLine({ level: lineLevel, msg: stripVTControlCharacters(message) });
  }
}

/** A line of the runtime: what the worker logged, or the runtime's own words. */
export function writeRuntimeLine(entry: { readonly level: string; readonly message: string }): void {
  const message = stripVTControlCharacters(entry.message);
  const line = ownLine(message);
  if (line !== undefined) writeLine(line);
  else if (diskFull.test(message)) writeLine({ level: level.error, msg: diskFullMessage, detail: message });
  else writeLine({ level: runtimeLevel(entry.level, message), msg: message });
}

/** How file system and SQLite say it, somewhere among addresses of the runtime's own code. */
const diskFull = /No space left on device|SQLITE_FULL/;
const diskFullMessage =
  "no space left on the disk of the data folder: what sources send waits until there is";

/** A line that the worker wrote in the log's own shape. */
function ownLine(message: string): Omit<LogLine, "name" | "time"> | undefined {
  if (!message.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(message) as Record<string, unknown>;
    return typeof value["msg"] === "string" ? { level: level.info, ...value, msg: value["msg"] } : undefined;
  } catch {
    return undefined;
  }
}

/** The runtime calls it an error when a listener leaves in the middle of the stream, which is how all of them leave. */
function runtimeLevel(name: string, message: string): number {
  if (/disconnected|broken pipe|connection reset|client has disconnected/i.test(message)) return level.debug;
  if (name === "error") return level.error;
  return name === "warn" ? level.warn : name === "debug" ? level.debug : level.info;
}
