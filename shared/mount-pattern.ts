import type { MountPath } from "./units.ts";

/**
 * Whether a name of a mount in the settings means this mount: the path itself, or a pattern as Icecast's default mounts
 * have (`fnmatch` with FNM_PATHNAME): `*` and `?` stand for anything but a slash, `[a-z]` and `[!a-z]` for one character.
 * `/**` alone is every mount, as a default mount of Icecast without a name.
 */
export function matchesMount(pattern: string, mount: MountPath): boolean {
  if (pattern === "/**") return true;
  if (!isPattern(pattern)) return pattern === mount;
  const parts = partsOf(pattern);
  return parts !== null && fits(parts, Array.from(mount));
}

export const isPattern = (name: string): boolean => /[*?[]/.test(name);

/**
 * What the settings say of one mount: fields of the patterns it matches, in their order, later ones before earlier ones,
 * and its own before all. Undefined where nothing names it.
 */
export function settingsOfMount<Settings extends object>(
  tables: Readonly<Record<string, Settings>>,
  mount: MountPath,
): Settings | undefined {
  const own = Object.hasOwn(tables, mount) ? tables[mount] : undefined;
  let merged: Settings | undefined;
  for (const [name, settings] of Object.entries(tables)) {
    if (isPattern(name) && matchesMount(name, mount)) merged = { ...merged, ...settings };
  }
  return merged && own ? { ...merged, ...own } : (own ?? merged);
}

/** What may not be merged (who may listen): its own settings whole, else those of the last pattern that it matches. */
export function mostParticular<Settings extends object>(
  tables: Readonly<Record<string, Settings>>,
  mount: MountPath,
): Settings | undefined {
  if (Object.hasOwn(tables, mount)) return tables[mount];
  return Object.entries(tables).findLast(([name]) => isPattern(name) && matchesMount(name, mount))?.[1];
}

/** One character of a path, or a run of any but a slash. */
type Part = "run" | ((character: string) => boolean);

const compiled = new Map<string, readonly Part[] | null>();

function partsOf(pattern: string): readonly Part[] | null {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  if (compiled.size > 1_000) compiled.clear();
  const made = compile(pattern);
  compiled.set(pattern, made);
  return made;
}

/** Null for one that cannot be read: it means no mount. Runs of `*` are one. */
function compile(pattern: string): Part[] | null {
  const tokens = pattern.replace(/\*+/g, "*").matchAll(/\[(!?)([^\]/]+)\]|./gsu);
  try {
    return Array.from(tokens, ([token, not, set]): Part => {
      if (set !== undefined) {
        const characters = new RegExp(`^[${set.replace(/[\\\]^[]/g, "\\$&")}]$`, "su");
        return (character) => character !== "/" && characters.test(character) === (not === "");
      }
      if (token === "*") return "run";
      return token === "?" ? (character) => character !== "/" : (character) => character === token;
    });
  } catch {
    return null;
  }
}

/**
 * In time that grows with the product of both lengths at most: a path comes from anybody, and a regular expression of a pattern with
 * many `*` takes for ever on some. Only the last run need ever take more, for no run takes a slash.
 */
function fits(parts: readonly Part[], characters: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let run: { readonly part: number; at: number } | undefined;
  while (at < characters.length) {
    const wanted = parts[part];
    if (wanted === "run") {
      run = { part, at };
      part++;
    } else if (wanted?.(characters[at] ?? "") === true) {
      part++;
      at++;
    } else {
      if (!run || characters[run.at] === "/") return false;
      run.at++;
      at = run.at;
      part = run.part + 1;
    }
  }
  return parts.slice(part).every((rest) => rest === "run");
}
