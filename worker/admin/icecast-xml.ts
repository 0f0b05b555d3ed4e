/**
 * XML as Icecast 2.4.4 writes it (libxml2 without a declared encoding): on one line, everything beyond ASCII as a numeric
 * reference, an element without children closed at once, one with an empty text not.
 */

/** `<name>text</name>`, also where the text is empty. */
export const textElement = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

/** An element of elements. `name` and the names of the attributes go in as they are. */
export function parentElement(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly string[],
): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeAttribute(value)}"`);
  const tag = name + list.join("");
  return children.length === 0 ? `<${tag}/>` : `<${tag}>${children.join("")}</${name}>`;
}

export const xmlDocument = (root: string): string => `<?xml version="1.0"?>\n${root}\n`;

/** What XML 1.0 does not allow at all becomes U+FFFD. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
      .replace(/[&<>\r\u007f-\u{10ffff}]/gu, reference)
  );
}

const escapeAttribute = (text: string): string => escapeXml(text).replace(/["\t\n]/g, reference);

const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const reference = (character: string): string =>
  names[character] ??
  (character < " "
    ? `&#${character.charCodeAt(0)};`
    : `&#x${character.codePointAt(0)?.toString(16).toUpperCase()};`);
