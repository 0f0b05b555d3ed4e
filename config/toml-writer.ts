/** Makes a station file of settings: `[tables]`, `[[lists]]` of tables, short tables in one line. */

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTableList = (value: unknown): value is readonly Table[] =>
  Array.isArray(value) && value.length > 0 && value.every(isTable);

/** The text of a TOML file with this content; tables without anything in them are kept. */
export function writeToml(
  content: Table,
  commentOf: (path: readonly string[]) => string | undefined,
): string {
  const lines: string[] = [];
  const write = (table: Table, path: readonly string[]) => {
    const entries = Object.entries(table);
    for (const [key, value] of entries) {
      if (isTable(value) && !isShort(value, path)) continue;
      if (!isTableList(value)) lines.push(`${keyText(key)} = ${valueText(value)}`);
    }
    for (const [key, value] of entries) {
      const inner = [...path, key];
      const name = inner.map(keyText).join(".");
      const comment = commentOf(inner);
      const comments = comment === undefined ? [] : [`# ${comment}`];
      if (isTableList(value)) {
        lines.push("", ...comments);
        for (const [index, item] of value.entries()) {
          lines.push(...(index === 0 ? [] : [""]), `[[${name}]]`);
          write(item, inner);
        }
      } else if (isTable(value) && !isShort(value, path)) {
        // One that only has tables needs no heading.
        if (needsHeading(value, inner)) lines.push("", ...comments, `[${name}]`);
        else if (comments.length > 0) lines.push("", ...comments);
        write(value, inner);
      }
    }
  };
  write(content, []);
  return `${lines.join("\n").replace(/^\n+/, "")}\n`;
}

/** Fits on a line within its table: a URL with its login, not a whole section. */
const isShort = (table: Table, within: readonly string[]): boolean =>
  within.length > 1 &&
  Object.hasOwn(table, "url") &&
  Object.values(table).every((value) => typeof value === "string");

const needsHeading = (table: Table, path: readonly string[]): boolean =>
  Object.values(table).length === 0 ||
  Object.values(table).some((value) => !isTableList(value) && !(isTable(value) && !isShort(value, path)));

const keyText = (key: string): string => (/^[\w-]+$/.test(key) ? key : textText(key));

function valueText(value: unknown): string {
  if (typeof value === "string") return settingText(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (isTable(value)) {
    const entries = Object.entries(value).map(([key, item]) => `${keyText(key)} = ${valueText(item)}`);
    return `{ ${entries.join(", ")} }`;
  }
  throw new TypeError(`a station file cannot say ${typeof value}`);
}

/** What is not meant for the environment is kept from it. */
const settingText = (text: string): string => textText(text.replaceAll("${", () => "$${"));

/** JSON's escapes are TOML's; JSON leaves DEL as it is. */
const textText = (text: string): string => JSON.stringify(text).replaceAll("\u007f", "\\u007f");
