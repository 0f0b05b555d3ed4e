// @ts-check
import { Card } from "./admin-card.js";
import { lookAfterwards, useToken } from "./admin-orders.js";
import { byId, fetchJson, find, make, show, sizeText } from "./admin-parts.js";
import { isKorean, say, translate } from "./admin-words.js";
/*
 * The console: asks for what there is every few seconds while it is visible and changes the document in place, so that
 * neither focus nor a half-typed title is lost. Whatever sources and listeners say is text: `textContent` only. What
 * changes something is one of Icecast's commands, by POST with the page's token.
 */

/**
 * @typedef {{ mount: string, name: string, genre: string, title?: string, listeners: number, listenerPeak: number,
 *   maxListeners: number | null, streamStartMs: number, bitrateKbps?: number, format?: string, contentType: string,
 *   hidden: boolean, fallback: string, authenticator: string,
 *   source: { ip: string, userAgent: string, protocol: string },
 *   audience: { sessions: number, uniqueToday: number, bytesSent: number, byCountry: Record<string, number> } | null }} Mount
 * @typedef {{ id: number, address: string | null, userAgent: string, country: string | null, user: string | null,
 *   startedMs: number }} Listener
 * @typedef {{ now: number, total: number, listeners: Listener[], accounts: string[] | null }} MountDetails
 * @typedef {{ now: number, csrf: string, visitor: { name: string, role: string },
 *   station: { name: string, hostname: string, location: string, admin: string, serverId: string, ingestHost: string, startedMs: number },
 *   counters: { listenerConnections: number, bytesSent: number } | null, warnings: { mount: string, text: string }[],
 *   mounts: Mount[], offAir: { mount: string, fallback: string }[] }} Overview
 * @typedef {{ users: { name: string, role: string }[], entries: { atMs: number, user: string, role: string,
 *   address: string | null, action: string, details: Record<string, string> }[] }} Log
 */

const pollMs = 3_000;
/* The station */

/** @type {Map<string, Card>} */
const cards = new Map();

/** @param {Overview} overview */
function showOverview(overview) {
  const { station, visitor, counters, mounts, now } = overview;
  useToken(overview.csrf);
  document.title = `${station.name} · ${say("Console")}`;
  show(byId("station-name"), station.name);
  show(byId("who"), `${visitor.name} · ${visitor.role}`);
  document.body.classList.toggle("looks-only", visitor.role === "viewer");
  show(byId("tile-sources"), String(mounts.length));
  show(byId("tile-listeners"), String(mounts.reduce((sum, { listeners }) => sum + listeners, 0)));
  show(byId("tile-sessions"), counters ? counters.listenerConnections.toLocaleString() : "–");
  show(byId("tile-sent"), counters ? sizeText(counters.bytesSent) : "–");
  showList(
    "warnings",
    overview.warnings.map(({ mount, text }) => `${mount} ${text}`),
  );
  byId("warnings").hidden = overview.warnings.length === 0;
  showMounts(mounts, now);
  showList(
    "off-air",
    overview.offAir.map(({ mount, fallback }) => (fallback ? `${mount} → ${fallback}` : mount)),
  );
  byId("off-air-part").hidden = overview.offAir.length === 0;
  showFacts([
    ["Host", station.hostname],
    ["Sources connect to", station.ingestHost],
    ["Up since", new Date(station.startedMs).toLocaleString()],
    ["Location", station.location],
    ["Contact", station.admin],
    ["Tells tools it is", station.serverId],
  ]);
  for (const id of ["log", "log-link"]) byId(id).hidden = visitor.role !== "admin";
}

/** @param {Mount[]} mounts @param {number} now */
function showMounts(mounts, now) {
  const list = byId("mounts");
  const names = mounts.map(({ mount }) => mount);
  for (const [name, card] of cards) {
    if (names.includes(name)) continue;
    if (card.element.contains(document.activeElement)) byId("on-air").focus();
    card.element.remove();
    cards.delete(name);
  }
  for (const mount of mounts) {
    let card = cards.get(mount.mount);
    if (!card) {
      card = new Card(mount.mount);
      cards.set(mount.mount, card);
      const next = [...cards.values()].filter(
        (other) => other.element.isConnected && other.mount > mount.mount,
      );
      list.insertBefore(
        card.element,
        next.toSorted((a, b) => (a.mount < b.mount ? -1 : 1))[0]?.element ?? null,
      );
    }
    card.update(mount, names, now);
  }
  byId("empty").hidden = mounts.length > 0;
}

/** @param {string} id @param {string[]} texts */
function showList(id, texts) {
  const list = byId(id);
  if ([...list.children].map((item) => item.textContent).join("\n") === texts.join("\n")) return;
  list.replaceChildren(...texts.map((text) => make("li", text)));
}

/** @param {[string, string][]} facts */
function showFacts(facts) {
  const rows = facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => {
      const row = make("div");
      row.append(make("dt", say(name)), make("dd", value));
      return row;
    });
  const list = byId("server-facts");
  if (list.textContent !== rows.map((row) => row.textContent).join("")) list.replaceChildren(...rows);
}

let newestEntry = -1;

/** @param {Log} log */
function showLog({ users, entries }) {
  showList(
    "users",
    users.map(({ name, role }) => `${name} · ${role}`),
  );
  byId("log-empty").hidden = entries.length > 0;
  find(document, ".log", HTMLTableElement).hidden = entries.length === 0;
  const newest = entries[0]?.atMs ?? 0;
  if (newest === newestEntry) return;
  newestEntry = newest;
  const rows = entries.map(({ atMs, user, address, action, details }) => {
    const row = document.createElement("tr");
    const what = make("td", action);
    what.append(
      make(
        "span",
        Object.entries(details)
          .map(([name, value]) => `${name}: ${value}`)
          .join(", "),
        "details",
      ),
    );
    row.append(
      make("td", new Date(atMs).toLocaleString()),
      make("td", user),
      what,
      make("td", address ?? say("unknown")),
    );
    return row;
  });
  byId("log-entries").replaceChildren(...rows);
}

let failures = 0;
let polling = false;
/** @type {number | undefined} */
let timer;

async function poll() {
  if (polling || document.hidden) return;
  polling = true;
  clearTimeout(timer);
  const trouble = byId("trouble");
  try {
    const overview = /** @type {Overview} */ (await fetchJson("/admin/console.json"));
    showOverview(overview);
    if (overview.visitor.role === "admin")
      showLog(/** @type {Log} */ (await fetchJson("/admin/console-log.json")));
    failures = 0;
    trouble.hidden = true;
  } catch (error) {
    failures++;
    const isLogin = error instanceof Error && error.message === "login";
    show(
      trouble,
      say(
        isLogin
          ? "You have been logged out. Load the page again."
          : "The station cannot be reached. Trying again…",
      ),
    );
    trouble.hidden = false;
  } finally {
    polling = false;
    timer = setTimeout(poll, Math.min(30_000, pollMs * 2 ** failures));
  }
}

/** What was ordered takes a moment to be seen: statistics are a second old at most. */
function refreshSoon() {
  for (const afterMs of [200, 1_300]) setTimeout(() => void poll(), afterMs);
}

lookAfterwards(refreshSoon);
document.documentElement.lang = isKorean ? "ko" : "en";
translate(document);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void poll();
});
window.addEventListener("online", () => void poll());
void poll();
