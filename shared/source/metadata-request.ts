import { percentDecode } from "./percent.ts";
import { decodeLatin1, decodeText, encodeLatin1, truncate, withoutControls } from "./text.ts";

/** A new title for a mount. `text` may be empty, which clears the title; `sanitiseTitle` makes it fit to be stored. */
interface TitleUpdate {
  readonly text: string;
  /** StreamUrl. */
  readonly url?: string;
}

export interface MetadataRequest {
  /** Which replies the client understands: Icecast's XML, its HTML form (`.xsl`), or SHOUTcast's HTML. */
  readonly dialect: "icecast" | "icecast-html" | "shoutcast";
  /**
   * "update": success, with `title` when there is something to change. "missing-mode": 400 `Missing parameter`.
   * "unknown-mode": `No such action`, in Icecast's dialect with 200, in SHOUTcast's with 400.
   */
  readonly action: "update" | "missing-mode" | "unknown-mode";
  /** Decoded, not validated: `mountPath` does that. */
  readonly mount?: string;
  /** SHOUTcast's only credentials; may be `user:password` (`splitLogin`). */
  readonly pass?: string;
  readonly title?: TitleUpdate;
}

const maxUrl = 1024;
const encoder = new TextEncoder();

/** Whether `path` is one that `parseMetadataRequest` understands. */
export function isMetadataPath(path: string): boolean {
  return dialectOf(path) !== null;
}

/**
 * A title update over `/admin/metadata`, `/admin/metadata.xsl` or SHOUTcast's `/admin.cgi`. `query` is raw,
 * without `?`, taken from `RequestHead.target`; `body` is that of a form POST (`decodeText`), whose fields win.
 * Total: what cannot be understood is left out.
 *
 * `song` wins and stands alone (Icecast 2.4.4 leaves the artist of the update before it in place); artist and
 * title combine; one of them alone is the title; all of those there empty clear the title; none of them there
 * changes nothing, whatever `url` says.
 */
export function parseMetadataRequest(path: string, query: string, body?: string): MetadataRequest {
  const fields = new Map([...formFields(query), ...formFields(body ?? "")]);
  const field = (name: string, charset?: string) => decodeField(fields.get(name), charset);
  const [mode, mount, pass] = [field("mode"), field("mount"), field("pass")];
  const charset = field("charset");
  const title = titleText(field("song", charset), field("artist", charset), field("title", charset));
  const url = streamUrl(field("url", charset));
  return {
    dialect: dialectOf(path) ?? "icecast",
    action: mode === "updinfo" ? "update" : mode === undefined ? "missing-mode" : "unknown-mode",
    ...(mount !== undefined && { mount }),
    ...(pass !== undefined && { pass }),
    ...(title !== undefined && {
      title: { text: c1ToWindows1252(title), ...(url !== undefined && { url }) },
    }),
  };
}

function dialectOf(path: string): MetadataRequest["dialect"] | null {
  if (path === "/admin/metadata") return "icecast";
  if (path === "/admin/metadata.xsl") return "icecast-html";
  return path === "/admin.cgi" ? "shoutcast" : null;
}

function titleText(song?: string, artist?: string, title?: string): string | undefined {
  if (song) return song;
  if (artist && title) return `${artist} - ${title}`;
  return title || artist || (song ?? title ?? artist);
}

/** Too long is none: half a URL leads nowhere. */
function streamUrl(text: string | undefined): string | undefined {
  const url = withoutControls(text ?? "");
  return url === "" || url.length > maxUrl ? undefined : url;
}

/** Raw names and values; of equal names the last one counts, as in Icecast. */
function* formFields(form: string): Iterable<[string, string]> {
  for (const pair of form.split("&")) {
    const equals = pair.indexOf("=");
    if (equals >= 0) yield [pair.slice(0, equals), pair.slice(equals + 1)];
  }
}

/**
 * Text that came raw has been decoded once, as UTF-8 or as Latin-1 (`RequestHead.target`). Where a charset is
 * declared and every character could be a byte, the bytes are recovered for that charset; else the raw characters
 * are right as they stand and only the escapes are bytes in need of decoding.
 */
function decodeField(value: string | undefined, charset: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const raw = value.replaceAll("+", " ");
  const decoder = charset === undefined ? null : declaredDecoder(charset);
  if (decoder !== null) {
    const bytes = encodeLatin1(raw);
    const text = bytes === null ? null : decoder(unescape(bytes));
    if (text !== null) return text;
  }
  return decodeText(unescape(encoder.encode(raw)));
}

/** A `%` that begins no escape is meant: "100% live". */
function unescape(bytes: Uint8Array): Uint8Array {
  return percentDecode(bytes, () => {});
}

/** Null for UTF-8, which is what is tried anyway, and for labels that the host does not know. */
function declaredDecoder(label: string): ((bytes: Uint8Array) => string | null) | null {
  const name = truncate(label, 40).trim().toLowerCase();
  if (/^(?:iso[-_]?8859[-_]?1|latin-?1|l1|us-ascii|ascii|(?:cp|windows-)1252)$/.test(name))
    return decodeLatin1;
  if (name === "" || /^utf-?8$/.test(name)) return null;
  try {
    const decoder = new TextDecoder(name, { fatal: true });
    return (bytes) => decodeOrNull(decoder, bytes);
  } catch {
    return null;
  }
}

function decodeOrNull(decoder: TextDecoder, bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Code points 128 to 159 in order, as windows-1252 has them; a space where it has none. */
const windows1252 = Array.from("€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ");

/**
 * No title has C1 control characters; where they turn up, somebody's Latin-1 was windows-1252 (the WHATWG takes it
 * so as well). Done here and not by the host's decoder because Node's differs from the standard between versions.
 */
function c1ToWindows1252(text: string): string {
  return text.replace(/[\u0080-\u009f]/g, (c) => windows1252[c.charCodeAt(0) - 0x80] ?? " ");
}
