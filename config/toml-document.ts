import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";
import { ConfigError } from "./config-error.ts";

export type Path = readonly PropertyKey[];

/** A TOML file with the line of each of its settings. */
export interface TomlDocument {
  readonly value: unknown;
  /** The line of a setting, from 1; one that is not there is where its table begins. */
  lineOf(path: Path): number;
}

/** Throws ConfigError with the first error; `file` is the name it is reported under. */
export function readToml(source: string, file: string): TomlDocument {
  const program = parse(source, file);
  const lines = keyLines(program);
  for (const [id, line] of lines) {
    // The parser's package would write through it, into the prototype of all objects.
    if (id.includes('"__proto__"')) throw new ConfigError([`${file}:${line}: __proto__ cannot be a name`]);
  }
  return { value: getStaticTOMLValue(program), lineOf: (path) => lineOf(path, lines) };
}

function parse(source: string, file: string): AST.TOMLProgram {
  try {
    // A byte order mark is what some Windows editors begin a file with; TOML 1.0 does not know it.
    return parseTOML(source.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (error instanceof ParseError) throw new ConfigError([`${file}:${error.lineNumber}: ${error.message}`]);
    throw error;
  }
}

/** Line of each table, key and inline value of the file, by its path as JSON. */
function keyLines(document: AST.TOMLProgram): Map<string, number> {
  const lines = new Map<string, number>();
  const note = (path: Path, line: number) => {
    const id = JSON.stringify(path);
    if (!lines.has(id)) lines.set(id, line);
  };
  const visitContent = (content: AST.TOMLContentNode, path: Path) => {
    note(path, content.loc.start.line);
    if (content.type === "TOMLInlineTable") for (const entry of content.body) visit(entry, path);
    if (content.type === "TOMLArray") content.elements.forEach((each, i) => visitContent(each, [...path, i]));
  };
  const visit = (node: AST.TOMLKeyValue, table: Path) => {
    const keys = node.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
    keys.forEach((_, depth) => note([...table, ...keys.slice(0, depth + 1)], node.loc.start.line));
    visitContent(node.value, [...table, ...keys]);
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

function lineOf(path: Path, lines: ReadonlyMap<string, number>): number {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(JSON.stringify(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return 1;
}
