import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";
import { z } from "zod";
import { MountPathError, mountPath } from "../shared/mount-path.ts";
import { ConfigError } from "./config-error.ts";
import { nearest } from "./nearest.ts";
import { type Station, stationSchema } from "./station.ts";

type Path = readonly PropertyKey[];

/** Why a file that the station file names cannot be used; undefined when it can. The path is as it stands there. */
export type FileProblem = (path: string) => string | undefined;

/**
 * Parses a station file. `file` is the name that problems are reported under: `station.toml:12: limits.sources must …`.
 * Throws ConfigError with every problem of the file, in the order of its lines; a file that is not TOML has only its
 * first error, where the parser stops.
 */
export function parseStation(source: string, file: string, fileProblem: FileProblem): Station {
  const document = parseDocument(source, file);
  const value: unknown = getStaticTOMLValue(document);
  const result = stationSchema.safeParse(value);
  const problems = result.success ? [] : result.error.issues.flatMap((issue) => describe(issue, value));
  problems.push(...mountProblems(value), ...mountFileProblems(value, fileProblem));
  if (result.success && problems.length === 0) return result.data;

  const lines = keyLines(document);
  const located = problems.map(({ path, text }) => ({ line: lineOf(path, lines), text }));
  located.sort((a, b) => a.line - b.line);
  throw new ConfigError(located.map(({ line, text }) => `${file}:${line}: ${text}`));
}

function parseDocument(source: string, file: string): AST.TOMLProgram {
  try {
    // A byte order mark is what some Windows editors begin a file with; TOML 1.0 does not know it.
    return parseTOML(source.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (error instanceof ParseError) throw new ConfigError([`${file}:${error.lineNumber}: ${error.message}`]);
    throw error;
  }
}

interface Problem {
  readonly path: Path;
  readonly text: string;
}

function describe(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const meant = nearest(key, knownKeys(issue.path));
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return { path, text: `${settingName(path)} is not a known setting${hint}` };
    });
  }
  return [
    { path: issue.path, text: `${settingName(issue.path)} ${issue.message}${got(issue.path, document)}` },
  ];
}

/** Keys the schema knows for the table at `path`. */
function knownKeys(path: Path): string[] {
  let schema: unknown = stationSchema;
  for (const key of path) {
    schema = unwrapped(schema);
    if (schema instanceof z.ZodObject) schema = (schema.shape as Record<PropertyKey, unknown>)[key];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else return [];
  }
  schema = unwrapped(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap();
  }
  return inner;
}

function mountProblems(document: unknown): Problem[] {
  const problems: Problem[] = [];
  const check = (mount: unknown, path: Path, what: string) => {
    if (typeof mount !== "string") return;
    try {
      mountPath(mount);
    } catch (error) {
      if (!(error instanceof MountPathError)) throw error;
      problems.push({ path, text: `${what}: ${error.message}, got ${JSON.stringify(mount)}` });
    }
  };
  for (const mount of mountNames(document)) {
    check(mount, ["mounts", mount], `mounts.${JSON.stringify(mount)}`);
    const path = ["mounts", mount, "fallback_mount"];
    const fallback = valueAt(document, path);
    if (fallback === undefined || fallback === "silence") continue;
    if (fallback === mount) problems.push({ path, text: `${settingName(path)} must be another mount` });
    else check(fallback, path, settingName(path));
  }
  const shoutcast = ["ingest", "shoutcast_mount"];
  check(valueAt(document, shoutcast), shoutcast, "ingest.shoutcast_mount");
  return problems;
}

function mountFileProblems(document: unknown, fileProblem: FileProblem): Problem[] {
  const problems: Problem[] = [];
  for (const mount of mountNames(document)) {
    for (const key of ["fallback_file", "intro"]) {
      const path = ["mounts", mount, key];
      const value = valueAt(document, path);
      const problem = typeof value === "string" && value !== "" ? fileProblem(value) : undefined;
      if (problem === undefined) continue;
      problems.push({ path, text: `${settingName(path)} cannot be read: ${problem}${got(path, document)}` });
    }
    const fallbackFile = ["mounts", mount, "fallback_file"];
    const fallbackMount = ["mounts", mount, "fallback_mount"];
    const both = [fallbackFile, fallbackMount].every((path) => valueAt(document, path) !== undefined);
    if (!both) continue;
    problems.push({
      path: fallbackFile,
      text: `${settingName(fallbackFile)} cannot go with fallback_mount: one of them`,
    });
  }
  return problems;
}

function mountNames(document: unknown): string[] {
  const mounts = valueAt(document, ["mounts"]);
  return Object.keys(typeof mounts === "object" && mounts !== null ? mounts : {});
}

/** The value as it reads in the file; a password never appears in a message. */
function got(path: Path, document: unknown): string {
  if (path.at(-1) === "password") return "";
  const value = valueAt(document, path);
  if (value === undefined) return ", it is missing";
  const json = JSON.stringify(value);
  return `, got ${json.length > 60 ? `${json.slice(0, 57)}…` : json}`;
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function settingName(path: Path): string {
  return path
    .map((key) => String(key))
    .map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key)))
    .join(".");
}

/** Line of each table and key of the file, by its path as JSON. */
function keyLines(document: AST.TOMLProgram): Map<string, number> {
  const lines = new Map<string, number>();
  const note = (path: Path, line: number) => {
    const id = JSON.stringify(path);
    if (!lines.has(id)) lines.set(id, line);
  };
  const visit = (node: AST.TOMLKeyValue, table: Path) => {
    const keys = node.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
    keys.forEach((_, depth) => note([...table, ...keys.slice(0, depth + 1)], node.loc.start.line));
    if (node.value.type !== "TOMLInlineTable") return;
    for (const entry of node.value.body) visit(entry, [...table, ...keys]);
  };
  for (const node of document.body[0].body) {
    if (node.type === "TOMLKeyValue") visit(node, []);
    else {
      node.resolvedKey.forEach((_, depth) => note(node.resolvedKey.slice(0, depth + 1), node.loc.start.line));
      for (const entry of node.body) visit(entry, node.resolvedKey);
    }
  }
  return lines;
}

/** The line of a setting; one that is not there is reported where its table begins. */
function lineOf(path: Path, lines: ReadonlyMap<string, number>): number {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(JSON.stringify(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return 1;
}
