import type { XmlContext } from "./context.ts";
import { attribute, eachChild, instead } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

export interface HeaderTable {
  readonly name: string;
  readonly value: string;
  readonly status?: number;
}

/** `<http-headers>`: what is in it, for the place where it stands. */
export function readHeaders(
  headers: XmlElement,
  { draft }: Pick<XmlContext, "draft">,
): { readonly header: HeaderTable; readonly element: XmlElement }[] {
  const found: { header: HeaderTable; element: XmlElement }[] = [];
  const read = (element: XmlElement) => {
    const [name, value] = [attribute(element, "name"), attribute(element, "value")];
    const [type = "static", status = "0"] = [attribute(element, "type"), attribute(element, "status")];
    if (name === undefined || value === undefined)
      return draft.note(element, "has no name or no value: not sent");
    if (type === "cors")
      return draft.note(element, "not sent: browsers of all origins may read streams here");
    if (type !== "static") return draft.note(element, `type ${JSON.stringify(type)} is not known: not sent`);
    const code = Number(status);
    if (!/^\d{1,3}$/.test(status)) return draft.problem(element, "must have a number as its status");
    found.push({ header: { name, value, ...(code === 0 ? {} : { status: code }) }, element });
  };
  eachChild(headers, { header: read, "header-cors": instead(draft, "not sent") }, draft);
  return found;
}
