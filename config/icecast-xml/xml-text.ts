/** The file cannot be read as XML; `line` counts from 1. */
export class XmlError extends Error {
  override readonly name = "XmlError";
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * Bytes of an XML file as text, without a byte order mark. The encoding is the mark's, then the declaration's, then
 * UTF-8 (XML 1.0, appendix F). Throws XmlError for bytes that are not of it.
 */
export function xmlText(bytes: Uint8Array): string {
  const label = encodingOf(bytes);
  const decoder = decoderOf(label);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new XmlError(badLine(bytes, label), `not ${decoder.encoding}, which the file should be`);
  }
}

function decoderOf(label: string) {
  try {
    return new TextDecoder(label, { fatal: true });
  } catch {
    throw new XmlError(1, `the encoding ${JSON.stringify(label)} is not known`);
  }
}

function encodingOf(bytes: Uint8Array): string {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if ((a === 0xff && b === 0xfe) || (a === 0x3c && b === 0)) return "utf-16le";
  if ((a === 0xfe && b === 0xff) || (a === 0 && b === 0x3c)) return "utf-16be";
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 256));
  return /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']{1,40})["']/.exec(start)?.[1] ?? "utf-8";
}

/** The line with the first bytes that are not of the encoding. */
function badLine(bytes: Uint8Array, label: string): number {
  let line = 1;
  let from = 0;
  while (from < bytes.length) {
    const feed = bytes.indexOf(0x0a, from);
    const to = feed < 0 ? bytes.length : feed;
    try {
      new TextDecoder(label, { fatal: true }).decode(bytes.subarray(from, to));
    } catch {
      return line;
    }
    line++;
    from = to + 1;
  }
  return line;
}
