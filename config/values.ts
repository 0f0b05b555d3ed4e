/** Leaves out what is undefined. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
export type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

export const toMs = (seconds: number): number => Math.round(seconds * 1000);

export const optionalMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : toMs(seconds);

/** A URL with the login that stands in it taken out: it belongs into a header, and into no log. */
export function withoutLogin(
  url: string | undefined,
): { readonly url: string; readonly username?: string; readonly password?: string } | undefined {
  const parsed = url === undefined ? null : URL.parse(url);
  if (url === undefined || parsed === null) return undefined;
  if (parsed.username === "" && parsed.password === "") return { url };
  const [username, password] = [decoded(parsed.username), decoded(parsed.password)];
  parsed.username = "";
  parsed.password = "";
  return { url: parsed.href, username, password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What stands at a path of a document; undefined where there is nothing. */
export function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
