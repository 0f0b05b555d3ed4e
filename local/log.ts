import { prettyFactory } from "pino-pretty";

/** One line of the log: pino's shape, `name` tells which process speaks. */
export interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly name: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export const level = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

/** The line a process wrote; text that is not a log line becomes the message of one. */
export function parseLine(text: string, name: string, time: number, textLevel: number): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "level" in value && "msg" in value) {
      return { ...value, time: "time" in value ? value.time : time, name } as LogLine;
    }
  } catch {
    // Not a structured line: a runtime's own words, or a crash.
  }
  return { level: textLevel, time, name, msg: text };
}

/** A line for people: time, level, who, message and its fields as `name=value`. Ends with a line break. */
export function readableLog(colorize: boolean): (line: LogLine) => string {
  const format = prettyFactory({
    colorize,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pid,hostname,name",
    hideObject: true,
    messageFormat: (line, key) => {
      const fields = Object.entries(line)
        .filter(([name]) => !hidden.has(name))
        .map(([name, value]) => `${name}=${fieldText(value)}`);
      return [`${String(line["name"]).padEnd(6)}  ${String(line[key])}`, ...fields].join("  ");
    },
  });
  return (line) => format(line);
}

const hidden = new Set(["level", "time", "name", "msg", "pid", "hostname", "v"]);

/** Quoted where it could be taken for more than one field; everything from the network stays on its line. */
function fieldText(value: unknown): string {
  const bare = typeof value === "string" && /^[^\s"=\p{C}]+$/u.test(value);
  // JSON leaves what turns the line around or hides in it (U+202E, U+200B, U+009B) as it is.
  return bare ? value : JSON.stringify(value).replace(/\p{C}/gu, escaped);
}

const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/** Splits what a process writes into lines, over any chunking; the rest comes out at `flush`. */
export class LineSplitter {
  #decoder = new TextDecoder();
  #rest = "";

  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "");
  }

  flush(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest.trim() === "" ? [] : [rest];
  }
}
