import { SaxesParser } from "saxes";
import { xmlBytes, xmlDepth, xmlElements } from "./limits.ts";
import { XmlError, xmlText } from "./xml-text.ts";

export interface XmlElement {
  readonly name: string;
  /** Where it begins, from 1. */
  readonly line: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** All text and CDATA directly in it, comments left out, as libxml joins them. */
  readonly text: string;
}

interface Open extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

/**
 * The root of an XML document. Nothing outside the file is ever read: document type declarations are refused, so there
 * are no entities but the five of XML and characters by number. Throws XmlError.
 */
export function readXml(bytes: Uint8Array): XmlElement {
  if (bytes.length > xmlBytes) throw new XmlError(1, `larger than ${xmlBytes / 1024 / 1024} MiB`);
  const parser = new SaxesParser();
  const open: Open[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  let line = 1;

  parser.on("error", (error) => {
    // saxes puts line and column before what it says.
    throw new XmlError(parser.line, error.message.replace(/^\d+:\d+: /, ""));
  });
  parser.on("doctype", () => {
    throw new XmlError(parser.line, "a document type declaration (<!DOCTYPE …>) is not read: remove it");
  });
  parser.on("opentagstart", () => {
    // It is told after the character behind the name, which may be the end of the line.
    line = parser.column === 0 ? parser.line - 1 : parser.line;
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (++elements > xmlElements) throw new XmlError(line, `more than ${xmlElements} elements`);
    if (open.length >= xmlDepth) throw new XmlError(line, `elements more than ${xmlDepth} deep`);
    const element: Open = { name, line, attributes: { ...attributes }, children: [], text: "" };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const addText = (text: string) => {
    const element = open.at(-1);
    if (element) element.text += text;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    root = open.pop();
  });

  parser.write(xmlText(bytes)).close();
  if (root === undefined) throw new XmlError(1, "there is no element");
  return root;
}
