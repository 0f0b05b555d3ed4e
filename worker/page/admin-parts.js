// @ts-check
import { isKorean, say } from "./admin-words.js";
/* What the console's files share: parts of the document, and values as people read them. */

/**
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

/** @param {string} id */
export const byId = (id) => find(document, `#${id}`, HTMLElement);

/** @param {Element} element @param {string} text */
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} name @param {string} [text] @param {string} [className] */
export function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** @param {number} bytes */
export function sizeText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toFixed(step > 1 ? 1 : 0)} ${units[step]}`;
}

/** "3:07", "2:15:40", "4 d 2 h". @param {number} ms */
export function timeText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return isKorean ? `${days}일 ${(hours ?? 0) % 24}시간` : `${days} d ${(hours ?? 0) % 24} h`;
  const two = (/** @type {number} */ value) => String(value % 60).padStart(2, "0");
  return hours ? `${hours}:${two(minutes ?? 0)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

const regions = new Intl.DisplayNames([isKorean ? "ko" : "en"], { type: "region", fallback: "code" });
/** @param {string | null} code */
export function countryName(code) {
  try {
    return code ? (regions.of(code) ?? code) : "";
  } catch {
    return code ?? "";
  }
}

const players =
  /\b(VLC|foobar2000|Winamp|iTunes|AppleCoreMedia|mpv|MPlayer|mpg123|Kodi|Sonos|Lavf|libcurl|curl|Wget|Icecast|liquidsoap|ExoPlayer|Edg|OPR|Firefox|Chrome|Safari)\b/i;
/** A name to know a player by. @param {string} agent */
export function playerName(agent) {
  const known = players.exec(agent)?.[1];
  const names = /** @type {Record<string, string>} */ ({
    Edg: "Edge",
    OPR: "Opera",
    Lavf: "FFmpeg",
    AppleCoreMedia: "Apple player",
  });
  return known ? (names[known] ?? known) : agent.split(/[/ ]/)[0] || say("unknown");
}

/** @param {HTMLElement} element @param {() => Promise<unknown>} act */
export function onClick(element, act) {
  element.addEventListener("click", () => void act());
}

/** @param {import("./admin.js").Mount} mount */
export function soundText({ bitrateKbps, format, contentType }) {
  const rate = bitrateKbps ? `${Math.round(bitrateKbps)} kb/s` : "";
  return [rate, format ?? contentType].filter(Boolean).join(" · ");
}

/** Choices that are there stay as they are, and so does what is chosen. @param {HTMLSelectElement} select @param {string[]} values @param {string} [first] */
export function fillSelect(select, values, first) {
  const wanted = [...(first === undefined ? [] : [""]), ...values];
  if (wanted.join("\n") === [...select.options].map(({ value }) => value).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((value) => new Option(value === "" ? first : value, value)));
  if (wanted.includes(chosen)) select.value = chosen;
}

const requestTimeoutMs = 8_000;

/** @param {string} path @returns {Promise<unknown>} */
export async function fetchJson(path) {
  const reply = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(requestTimeoutMs) });
  if (reply.status === 401 || reply.status === 403) throw new Error("login");
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.json();
}
