// @ts-check
/* Small things that the status page is made of, and mounts as the API tells them. */

/**
 * One mount as the page shows it.
 * @typedef {{ path: string, url: string, name: string, genre: string, title: string, listeners: number,
 *   startMs: number, format: string, hls: string }} Mount
 */

/**
 * The element that the page's own HTML has for sure.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`expected ${type.name} at ${selector}`);
  return element;
}

/** Changes the document only where it differs: selections survive, and screen readers hear no repetition.
 * @param {Element} element @param {string} text */
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} control @param {string} name */
export function label(control, name) {
  if (control.ariaLabel !== name) control.ariaLabel = name;
}

/** @param {string} id */
export const byId = (id) => find(document, `#${id}`, HTMLElement);
/** @param {string} id @param {string} text */
export const fill = (id, text) => show(byId(id), text);
/** @param {string} id @param {boolean} visible */
export const reveal = (id, visible) => void (byId(id).hidden = !visible);
/** @param {string} message */
export const announce = (message) => fill("announcer", message);

/** @param {unknown} value @returns {Record<string, unknown>} */
export const asObject = (value) => (typeof value === "object" && value !== null ? { ...value } : {});
/** @param {unknown} value */
export const asText = (value) =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";

/** @param {unknown} value @returns {Mount[]} of `Mounts` of the API */
export function parseMounts(value) {
  const { mounts } = asObject(value);
  return (Array.isArray(mounts) ? mounts : []).map((mount) => parseMount(mount));
}

/** @param {unknown} value of `Mount` of the API @returns {Mount} */
export function parseMount(value) {
  const fields = asObject(value);
  const url = new URL(asText(asObject(fields["links"])["stream"]), location.href);
  return {
    path: url.pathname,
    url: url.href,
    name: asText(fields["name"]) || asText(fields["mount"]),
    genre: asText(fields["genre"]),
    title: asText(fields["title"]),
    listeners: Number(fields["listeners"]),
    startMs: Date.parse(asText(fields["startedAt"])),
    format: formatOf(asObject(fields["format"])),
    hls: asText(asObject(fields["links"])["hls"]),
  };
}

/** @param {Record<string, unknown>} format */
function formatOf(format) {
  const type = asText(format["contentType"]);
  const bitrate = asText(format["declaredBitrate"] ?? format["bitrateKbps"]);
  const rate = Number(format["sampleRate"]);
  const parts = [type === "audio/mpeg" ? "MP3" : type];
  if (bitrate) parts.push(`${bitrate} kb/s`);
  if (rate > 0) parts.push(`${rate / 1000} kHz`);
  return parts.join(", ");
}

/** @param {number} sinceMs */
export function onAirFor(sinceMs) {
  const minutes = Math.floor((Date.now() - sinceMs) / 60_000);
  if (!(minutes >= 1)) return "just on air";
  const hours = Math.floor(minutes / 60);
  if (hours < 1) return `on air for ${minutes} min`;
  if (hours < 48) return `on air for ${hours} h ${minutes % 60} min`;
  return `on air for ${Math.floor(hours / 24)} days`;
}

/** @param {number} count @param {string} one @param {string} many */
export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
