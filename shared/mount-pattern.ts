import type { MountPath } from "./units.ts";

/**
 * Whether a name of a mount in the settings means this mount: the path itself, or a pattern as Icecast's default mounts
 * have (`fnmatch` with FNM_PATHNAME): `*` and `?` stand for anything but a slash, `[a-z]` and `[!a-z]` for one character.
 * `/**` alone is every mount, as a default mount of Icecast without a name.
 */
export function matchesMount(pattern: string, mount: MountPath): boolean {
  if (pattern === "/**") return true;
  if (!isPattern(pattern)) return pattern === mount;
  return expressionOf(pattern)?.test(mount) === true;
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

const expressions = new Map<string, RegExp | null>();

function expressionOf(pattern: string): RegExp | null {
  const known = expressions.get(pattern);
  if (known !== undefined) return known;
  if (expressions.size > 1_000) expressions.clear();
  const made = compile(pattern);
  expressions.set(pattern, made);
  return made;
}

/** One that cannot be read means no mount. Runs of `*` are one, so that no pattern takes long. */
function compile(pattern: string): RegExp | null {
  const source = pattern
    .replace(/\*+/g, "*")
    .replace(
      /\[(!?)([^\]/]+)\]|[*?]|[.+^${}()|\\[\]]/g,
      (part, not: string | undefined, set: string | undefined) => {
        if (set !== undefined) return `[${not ? "^/" : ""}${set.replace(/[\\\]^[]/g, "\\$&")}]`;
        if (part === "*") return "[^/]*";
        return part === "?" ? "[^/]" : `\\${part}`;
      },
    );
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return null;
  }
}
