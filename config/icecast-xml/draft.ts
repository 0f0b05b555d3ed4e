import { nearest } from "../nearest.ts";
import type { Path } from "../toml-document.ts";
import { notesOfOneElement } from "./limits.ts";
import type { XmlElement } from "./xml-tree.ts";

/** Something in the file that is not as in Icecast. */
export interface Note {
  readonly line: number;
  /** With its brackets. */
  readonly element: string;
  /** What happens instead. */
  readonly text: string;
}

interface Table {
  [key: string]: unknown;
}

/**
 * What is being read: settings as a station file would have them, where each of them stands, and what there is to say.
 * One that is set again replaces the one before, as in Icecast.
 */
export class Draft {
  readonly value: Table = {};
  readonly notes: Note[] = [];
  readonly problems: Note[] = [];
  readonly #origins = new Map<string, XmlElement>();

  set(path: readonly (string | number)[], value: unknown, origin: XmlElement): void {
    let place: Table = this.value;
    path.forEach((key, depth) => {
      if (depth === path.length - 1) place[key] = value;
      else {
        if (!Object.hasOwn(place, key)) place[key] = {};
        place = place[key] as Table;
      }
    });
    this.#origins.set(JSON.stringify(path), origin);
  }

  unset(path: readonly (string | number)[]): void {
    const table = this.get(path.slice(0, -1));
    const key = path.at(-1);
    if (typeof table === "object" && table !== null && key !== undefined) delete (table as Table)[key];
  }

  /** Adds to a list of tables what is defined of this one. */
  append(list: readonly string[], table: Readonly<Record<string, unknown>>, origin: XmlElement): void {
    const items = this.get(list);
    const index = Array.isArray(items) ? items.length : 0;
    if (index === 0) this.set(list, [], origin);
    (this.get(list) as unknown[]).push(withoutUndefined(table));
    this.#origins.set(JSON.stringify([...list, index]), origin);
  }

  get(path: Path): unknown {
    let value: unknown = this.value;
    for (const key of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<PropertyKey, unknown>)[key];
    }
    return value;
  }

  /** The element that a setting, or the table it would be in, comes from. */
  originOf(path: Path): XmlElement | undefined {
    for (let length = path.length; length > 0; length--) {
      const origin = this.#origins.get(JSON.stringify(path.slice(0, length)));
      if (origin) return origin;
    }
    return undefined;
  }

  note(element: XmlElement, text: string): void {
    this.notes.push({ line: element.line, element: `<${element.name}>`, text });
  }

  problem(element: XmlElement, text: string): void {
    this.problems.push({ line: element.line, element: `<${element.name}>`, text });
  }

  /** In the order of the file; of very many of one kind the last is told with their number. */
  sortedNotes(): Note[] {
    const counts = new Map<string, number>();
    const kept = this.notes
      .toSorted((a, b) => a.line - b.line)
      .filter(({ element }) => {
        const count = (counts.get(element) ?? 0) + 1;
        counts.set(element, count);
        return count <= notesOfOneElement;
      });
    for (const [element, count] of counts) {
      const more = count - notesOfOneElement;
      if (more > 0)
        kept.push({ line: 1, element, text: `${more} more of them have notes that are left out here` });
    }
    return kept;
  }
}

export type Handlers = Readonly<Record<string, (element: XmlElement) => void>>;

/** Gives each child to the handler of its name; those without one are named. */
export function eachChild(parent: XmlElement, handlers: Handlers, draft: Draft): void {
  for (const child of parent.children) {
    if (Object.hasOwn(handlers, child.name)) handlers[child.name]?.(child);
    else draft.note(child, unknown(child.name, parent, Object.keys(handlers)));
  }
}

function unknown(name: string, parent: XmlElement, known: readonly string[]): string {
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `; did you mean <${meant}>?`;
  return `not known in <${parent.name}>, it has no effect${hint}`;
}

/** A handler for what has no effect here: says what happens instead. */
export const instead =
  (draft: Draft, text: string) =>
  (element: XmlElement): void =>
    draft.note(element, text);

/** Text without the white space around it; undefined where there is none, which Icecast takes for not said. */
export function textOf(element: XmlElement): string | undefined {
  const text = element.text.trim();
  return text === "" ? undefined : text;
}

/** A password as Icecast has it, white space included, but for line breaks, with which nobody could log in. */
export function passwordOf(element: XmlElement): string | undefined {
  if (/[\r\n]/.test(element.text)) return textOf(element);
  return element.text === "" ? undefined : element.text;
}

/** A whole number; undefined when there is none, which is a problem unless the element is empty. */
export function numberOf(element: XmlElement, draft: Draft): number | undefined {
  const text = textOf(element);
  if (text === undefined) {
    draft.note(element, "empty, it has no effect");
    return undefined;
  }
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  draft.problem(element, `must be a whole number, got ${JSON.stringify(text.slice(0, 60))}`);
  return undefined;
}

/** 0 or 1 as in Icecast 2.4; yes, true, on and their opposites as in 2.5 and KH. */
export function flagOf(element: XmlElement, draft: Draft): boolean | undefined {
  const text = textOf(element)?.toLowerCase();
  if (text !== undefined && /^(yes|true|on)$/.test(text)) return true;
  if (text !== undefined && /^(no|false|off)$/.test(text)) return false;
  const number = numberOf(element, draft);
  return number === undefined ? undefined : number !== 0;
}

export const attribute = (element: XmlElement, name: string): string | undefined =>
  Object.hasOwn(element.attributes, name) ? element.attributes[name] : undefined;

const withoutUndefined = (table: Readonly<Record<string, unknown>>): Table =>
  Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
