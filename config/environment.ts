import type { Path } from "./toml-document.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A document with `${NAME}` in its texts replaced by variables of the environment, so that secrets need not stand in the
 * file; `$${` stands for `${`. Tells each variable that is not set.
 */
export function withEnvironment(
  document: unknown,
  env: Environment,
  unset: (path: Path, name: string) => void,
): unknown {
  const expand = (value: unknown, path: Path): unknown => {
    if (typeof value === "string") {
      return value.replace(/\$\$\{|\$\{([A-Za-z_]\w*)\}/g, (found, name: string | undefined) => {
        if (name === undefined) return "${";
        const set = Object.hasOwn(env, name) ? env[name] : undefined;
        if (set === undefined) unset(path, name);
        return set ?? found;
      });
    }
    if (Array.isArray(value)) return value.map((item, index) => expand(item, [...path, index]));
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, expand(item, [...path, key])]),
    );
  };
  return expand(document, []);
}
