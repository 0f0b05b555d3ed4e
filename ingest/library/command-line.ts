import { parseArgs } from "node:util";
import { nearest } from "../../config/nearest.ts";
import { bitrates, parseFormat } from "../../config/station-autodj.ts";
import { libraryNamePattern } from "../../shared/library.ts";
import type { Mp3Format } from "../autodj/parts.ts";
import { printable } from "./printable.ts";

/** Where everything is; as typed. */
interface Places {
  readonly config?: string;
  readonly data?: string;
}

export interface UploadOptions {
  readonly folder: string;
  readonly name: string;
  readonly order: "random" | "sequential";
  readonly memory: number;
  readonly weights: readonly WeightRule[];
  readonly jingles?: string;
  readonly everyTracks: number;
  /** Null: levels stay. */
  readonly loudnessLufs: number | null;
  readonly format?: Mp3Format;
  readonly bitrateKbps: number;
  readonly transcode: boolean;
  readonly dryRun: boolean;
}

/** Of a file, or of every file in a folder, by its path in the music. */
export interface WeightRule {
  readonly path: string;
  readonly weight: number;
}

export type LibraryCommand =
  | { readonly kind: "help" }
  | ({ readonly kind: "upload"; readonly options: UploadOptions } & Placed)
  | ({ readonly kind: "list"; readonly name?: string } & Placed)
  | ({ readonly kind: "remove"; readonly name: string; readonly tracks: readonly string[] } & Placed)
  | ({ readonly kind: "prune" } & Placed);

interface Placed {
  readonly places: Places;
}

/** What was typed makes no command; a line each for the person who typed it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** Throws UsageError. */
export function parseCommandLine(argv: readonly string[]): LibraryCommand {
  const problems: string[] = [];
  const { words, given, wantsHelp } = readTokens(argv, problems);
  const [command, ...rest] = words;
  if (wantsHelp || command === "help") return { kind: "help" };
  if (command === undefined) problems.push("a command is missing");
  const reader = new FlagReader(given, problems);
  const read = command === undefined ? undefined : ownField(readers, command);
  if (command !== undefined && !read) {
    problems.push(`${quoted(command)} is no command${meant(command, Object.keys(readers), "")}`);
  }
  const places = { ...reader.text("config"), ...reader.text("data") };
  const made = read?.(rest, reader);
  if (made?.kind !== "upload") reader.onlyForUpload();
  if (problems.length > 0 || !made) throw new UsageError(problems);
  return { ...made, places };
}

type Unplaced<T> = T extends Placed ? Omit<T, "places"> : never;
type Reader = (words: readonly string[], flags: FlagReader) => Unplaced<LibraryCommand>;

const readers: Readonly<Record<string, Reader>> = {
  upload: ([folder, ...rest], flags) => {
    if (folder === undefined) flags.problems.push("upload needs the folder of the music");
    if (rest.length > 0)
      flags.problems.push(`upload takes one folder, and ${quoted(rest[0] ?? "")} is one more`);
    return { kind: "upload", options: uploadOptions(folder ?? ".", flags) };
  },
  list: ([name, ...rest], flags) => {
    if (rest.length > 0) flags.problems.push("list takes one library's name, or none");
    return { kind: "list", ...(name === undefined ? {} : { name: flags.libraryName(name) }) };
  },
  remove: ([name, ...tracks], flags) => {
    if (name === undefined)
      flags.problems.push("remove needs a library's name: npm run library -- list tells them");
    return { kind: "remove", name: name === undefined ? "" : flags.libraryName(name), tracks };
  },
  prune: (rest, flags) => {
    if (rest.length > 0) flags.problems.push("prune takes nothing");
    return { kind: "prune" };
  },
};

function uploadOptions(folder: string, flags: FlagReader): UploadOptions {
  const loudness = flags.value("loudness");
  const format = flags.value("format");
  const parsed = format === undefined ? undefined : parseFormat(format);
  if (format !== undefined && !parsed) {
    flags.problems.push(
      `--format must be a sample rate and "mono" or "stereo", such as "44100 stereo", got ${quoted(format)}`,
    );
  }
  const order = flags.value("order") ?? "random";
  if (order !== "random" && order !== "sequential") {
    flags.problems.push(`--order must be random or sequential, got ${quoted(order)}`);
  }
  if (flags.value("every-tracks") !== undefined && flags.value("jingles") === undefined) {
    flags.problems.push("--every-tracks needs --jingles, the folder of what is played between tracks");
  }
  return {
    folder,
    name: flags.value("name") === undefined ? nameOf(folder) : flags.libraryName(flags.value("name") ?? ""),
    order: order === "sequential" ? order : "random",
    memory: flags.number("memory", { usual: 50, least: 0, most: 20_000 }),
    weights: flags.all("weight").flatMap((text) => flags.weight(text)),
    ...flags.text("jingles"),
    everyTracks: flags.number("every-tracks", { usual: 4, least: 1, most: 10_000 }),
    loudnessLufs: loudness === "off" ? null : flags.number("loudness", { usual: -16, least: -40, most: -5 }),
    ...(parsed === undefined ? {} : { format: parsed }),
    bitrateKbps: flags.bitrate(),
    transcode: flags.value("no-transcode") === undefined,
    dryRun: flags.value("dry-run") !== undefined,
  };
}

/** A library's name from a folder's: its letters and digits, without accents. */
export function nameOf(folder: string): string {
  const last = folder.split(/[\\/]/).findLast((part) => !["", ".", ".."].includes(part)) ?? "";
  const plain = last.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
  const name = plain
    .replaceAll(/[^0-9a-z_]+/g, "-")
    .replaceAll(/^[-_]+|[-_]+$/g, "")
    .slice(0, 64);
  return name === "" ? "music" : name;
}

const commonFlags = ["config", "data"];
const uploadValues = [
  "name",
  "order",
  "memory",
  "weight",
  "jingles",
  "every-tracks",
  "loudness",
  "format",
  "bitrate",
];
const uploadSwitches = ["no-transcode", "dry-run"];
const allFlags = [...commonFlags, ...uploadValues, ...uploadSwitches];

interface Typed {
  readonly words: readonly string[];
  /** Values of each flag in order; a switch has "". */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly wantsHelp: boolean;
}

function readTokens(argv: readonly string[], problems: string[]): Typed {
  const valued = [...commonFlags, ...uploadValues].map((name) => [name, { type: "string" as const }]);
  const switches = uploadSwitches.map((name) => [name, { type: "boolean" as const }]);
  const options = {
    ...Object.fromEntries([...valued, ...switches]),
    help: { type: "boolean" as const, short: "h" },
  };
  const { tokens } = parseArgs({ args: signed(argv), options, strict: false, tokens: true });
  const words: string[] = [];
  const given = new Map<string, string[]>();
  let wantsHelp = false;
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (name === "help") wantsHelp = true;
    else if (!allFlags.includes(name)) {
      problems.push(`${printable(rawName)} is not a known flag${meant(name, [...allFlags, "help"], "--")}`);
    } else if (uploadSwitches.includes(name)) {
      if (value === undefined) given.set(name, [""]);
      else problems.push(`${rawName} takes no value`);
    } else if (value === undefined || value === "") problems.push(`${rawName} needs a value`);
    else {
      const values = given.get(name) ?? [];
      if (values.length > 0 && name !== "weight") problems.push(`${rawName} is given twice`);
      given.set(name, [...values, value]);
    }
  }
  return { words, given, wantsHelp };
}

/** A level is below zero, and `--loudness -16` would be read as a flag without a value and one more. */
const signed = (argv: readonly string[]): string[] =>
  argv.flatMap((argument, index) => {
    if (argument === "--loudness" && /^-\d/.test(argv[index + 1] ?? ""))
      return [`--loudness=${argv[index + 1]}`];
    return argv[index - 1] === "--loudness" && /^-\d/.test(argument) ? [] : [argument];
  });

class FlagReader {
  readonly problems: string[];
  readonly #given: Typed["given"];

  constructor(given: Typed["given"], problems: string[]) {
    this.#given = given;
    this.problems = problems;
  }

  all(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  value(name: string): string | undefined {
    return this.all(name)[0];
  }

  text<Name extends string>(name: Name): { readonly [Key in Name]?: string } {
    const value = this.value(name);
    return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: string };
  }

  number(name: string, { usual, least, most }: { usual: number; least: number; most: number }): number {
    const typed = this.value(name);
    if (typed === undefined) return usual;
    const value = Number(typed);
    if (/^-?\d{1,6}(\.\d{1,3})?$/.test(typed) && value >= least && value <= most) {
      if (name === "loudness" || Number.isInteger(value)) return value;
    }
    const what = name === "loudness" ? "off, or a number" : "a whole number";
    this.problems.push(`--${name} must be ${what} from ${least} to ${most}, got ${quoted(typed)}`);
    return usual;
  }

  bitrate(): number {
    const typed = this.value("bitrate") ?? "192";
    if (bitrates.includes(Number(typed))) return Number(typed);
    this.problems.push(`--bitrate must be one of ${bitrates.join(", ")}, got ${quoted(typed)}`);
    return 192;
  }

  libraryName(typed: string): string {
    // What settings take as well; a hyphen in front would be a flag the next time.
    if (libraryNamePattern.test(typed) && /^[0-9a-z]/i.test(typed)) return typed;
    this.problems.push(
      `${quoted(typed)} is no name for a library: up to 64 letters, digits, hyphens and underscores, a letter or digit first`,
    );
    return "music";
  }

  weight(typed: string): WeightRule[] {
    const at = typed.lastIndexOf("=");
    const weight = Number(typed.slice(at + 1));
    if (at > 0 && /^\d{1,3}$/.test(typed.slice(at + 1)) && weight >= 1 && weight <= 100) {
      return [{ path: typed.slice(0, at), weight }];
    }
    this.problems.push(`--weight must be FILE=N with N from 1 to 100, got ${quoted(typed)}`);
    return [];
  }

  onlyForUpload(): void {
    for (const name of this.#given.keys())
      if (!commonFlags.includes(name)) this.problems.push(`--${name} is for upload only`);
  }
}

const quoted = (text: string): string => JSON.stringify(printable(text));

function meant(typed: string, candidates: readonly string[], before: string): string {
  const found = nearest(typed, candidates);
  return found === undefined ? "" : `; did you mean ${before}${found}?`;
}

const ownField = <T>(fields: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;
