import { z } from "zod";
import { MountPathError, mountPath } from "../shared/mount-path.ts";
import { autodjDocumentProblems, autodjProblems } from "./autodj-checks.ts";
import { nearest } from "./nearest.ts";
import { type Station, stationSchema } from "./station.ts";
import type { Path } from "./toml-document.ts";
import { valueAt } from "./values.ts";

/** Why a file that the station file names cannot be used; undefined when it can. The path is as it stands there. */
export type FileProblem = (path: string) => string | undefined;

export interface Problem {
  readonly path: Path;
  /** What is wrong with the setting, after its name. */
  readonly text: string;
  /** Whether the value helps to see what is wrong. */
  readonly quote: boolean;
}

/** The one validation of settings, whatever they were read from: with problems there is no station. */
export function checkStation(
  value: unknown,
  fileProblem: FileProblem,
): { readonly station: Station } | { readonly problems: readonly Problem[] } {
  const result = stationSchema.safeParse(value);
  const problems = result.success ? [] : result.error.issues.flatMap(describe);
  problems.push(
    ...mountProblems(value),
    ...fileProblems(value, fileProblem),
    ...autodjDocumentProblems(value),
  );
  if (result.success) problems.push(...togetherProblems(result.data));
  if (result.success && problems.length === 0) return { station: result.data };
  return { problems };
}

/** Keys whose values are never shown. */
const secretKeys: readonly PropertyKey[] = ["password", "hash", "secret", "keys"];

/** The value as it reads in the file, after what is said of it; a secret never appears in a message. */
export function quoted({ path, quote }: Problem, document: unknown): string {
  if (!quote || path.some((key) => secretKeys.includes(key))) return "";
  const value = valueAt(document, path);
  if (value === undefined) return ", it is missing";
  // A table may hold secrets, a URL a login.
  if ((typeof value === "object" && value !== null) || (typeof value === "string" && value.includes("@")))
    return "";
  const json = JSON.stringify(value) ?? "";
  return `, got ${json.length > 60 ? `${json.slice(0, 57)}…` : json}`;
}

/** The sentence of a problem. */
export const sentence = (name: string, { text }: Problem): string =>
  text.startsWith(":") ? name + text : `${name} ${text}`;

export function settingName(path: Path): string {
  return path
    .map((key) => {
      if (typeof key === "number") return `[${key}]`;
      const name = String(key);
      return `.${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}`;
    })
    .join("")
    .slice(1);
}

function describe(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = nearest(key, knownKeys(issue.path));
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return { path: [...issue.path, key], text: `is not a known setting${hint}`, quote: false };
    });
  }
  return [{ path: issue.path, text: issue.message, quote: true }];
}

/** Keys the schema knows for the table at `path`. */
function knownKeys(path: Path): string[] {
  let schema: unknown = stationSchema;
  for (const key of path) {
    schema = unwrapped(schema);
    if (schema instanceof z.ZodObject) schema = (schema.shape as Record<PropertyKey, unknown>)[key];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodArray) schema = schema.element;
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
  const check = (mount: unknown, path: Path) => {
    const problem = typeof mount === "string" ? mountProblem(mount) : undefined;
    if (problem !== undefined)
      problems.push({ path, text: `: ${problem}, got ${JSON.stringify(mount)}`, quote: false });
  };
  for (const mount of mountNames(document)) {
    check(mount, ["mounts", mount]);
    const path = ["mounts", mount, "fallback_mount"];
    const fallback = valueAt(document, path);
    if (fallback === undefined || fallback === "silence") continue;
    if (fallback === mount) problems.push({ path, text: "must be another mount", quote: false });
    else check(fallback, path);
  }
  for (const key of ["relay", "autodj"]) {
    const tables = valueAt(document, [key]);
    const count = Array.isArray(tables) ? tables.length : 0;
    for (let index = 0; index < count; index++) {
      const path = [key, index, "mount"];
      check(valueAt(document, path), path);
    }
  }
  const shoutcast = ["ingest", "shoutcast_mount"];
  check(valueAt(document, shoutcast), shoutcast);
  return problems;
}

/** Why a name can be no mount and no pattern of mounts; undefined when it can. */
export function mountProblem(name: string): string | undefined {
  try {
    mountPath(name);
    return undefined;
  } catch (error) {
    if (!(error instanceof MountPathError)) throw error;
    return error.message;
  }
}

function fileProblems(document: unknown, fileProblem: FileProblem): Problem[] {
  const problems: Problem[] = [];
  for (const mount of mountNames(document)) {
    for (const key of ["fallback_file", "intro"]) {
      const path = ["mounts", mount, key];
      const value = valueAt(document, path);
      const problem = typeof value === "string" && value !== "" ? fileProblem(value) : undefined;
      if (problem !== undefined) problems.push({ path, text: `cannot be read: ${problem}`, quote: true });
    }
    for (const [one, other] of [
      ["fallback_file", "fallback_mount"],
      ["burst_bytes", "burst_seconds"],
    ] as const) {
      const both = [one, other].every((key) => valueAt(document, ["mounts", mount, key]) !== undefined);
      if (!both) continue;
      const path = ["mounts", mount, one];
      problems.push({ path, text: `cannot go with ${other}: one of them`, quote: false });
    }
  }
  return problems;
}

/** What cannot be said of one setting alone. */
function togetherProblems({ admin, user, mounts, signed_urls, ...others }: Station): Problem[] {
  const problems: Problem[] = autodjProblems(others);
  const names = new Set([admin.user]);
  user.forEach(({ name }, index) => {
    if (names.has(name))
      problems.push({ path: ["user", index, "name"], text: "is somebody else's", quote: true });
    names.add(name);
  });
  for (const [mount, { signed_urls: signed }] of Object.entries(mounts)) {
    if (signed !== true || signed_urls.keys.length > 0) continue;
    const text = 'needs a key in signed_urls.keys ("npm run config -- key" makes one)';
    problems.push({ path: ["mounts", mount, "signed_urls"], text, quote: false });
  }
  return problems;
}

function mountNames(document: unknown): string[] {
  const mounts = valueAt(document, ["mounts"]);
  return Object.keys(typeof mounts === "object" && mounts !== null ? mounts : {});
}
