// @ts-check
import {
  announce,
  asObject,
  asText,
  byId,
  fill,
  find,
  label,
  onAirFor,
  parseMount,
  parseMounts,
  plural,
  reveal,
  show,
} from "./page-parts.js";
import { Player } from "./page-player.js";

/*
 * The status page: follows `/api/v1/events` while it is visible, asks `/api/v1/mounts` every few seconds where that does
 * not work, and changes the document in place, so that neither focus nor sound is lost. Whatever a source says is text
 * and nothing else: `textContent` only.
 */

/** @typedef {import("./page-parts.js").Mount} Mount */
/** @typedef {import("./page-player.js").PlayState} PlayState */

/** The listener is some 4 s behind live: a title shown this late is not late for the ear. */
const pollMs = 5_000;
const slowestPollMs = 30_000;
/** While events come: for the warnings, and to notice a connection that died without a word. */
const followedPollMs = 15_000;
const requestTimeoutMs = 8_000;
/** @type {Record<PlayState, string>} */
const stateTexts = {
  idle: "",
  connecting: "Connecting…",
  playing: "Playing",
  stalled: "Waiting for the stream…",
  retrying: "Lost the stream, trying again…",
  failed: "The stream does not answer. Stop, and play it again later.",
};

/** A mount's place on the page. It stays while it plays, even when its source has gone. */
class Card {
  /** @readonly */ path;
  /** @readonly */ element;
  #parts;
  #title = "";
  #name = "";

  /** @param {Mount} mount @param {Player} player */
  constructor(mount, player) {
    this.path = mount.path;
    const template = find(document, "#mount-template", HTMLTemplateElement);
    const root = template.content.cloneNode(true);
    if (!(root instanceof DocumentFragment)) throw new Error("expected the template's content");
    this.element = find(root, ".mount", HTMLElement);
    /** @param {string} selector */
    const part = (selector) => find(root, selector, HTMLElement);
    this.#parts = {
      play: part(".play"),
      name: part(".name"),
      genre: part(".genre"),
      title: part(".title"),
      listeners: part(".listeners"),
      since: part(".since"),
      format: part(".format"),
      player: part(".player"),
      state: part(".state"),
      volume: find(root, ".volume input", HTMLInputElement),
      url: find(root, ".url", HTMLInputElement),
      copy: part(".copy"),
      playlists: ["m3u", "pls", "xspf"].map((kind) => {
        const link = find(root, `.${kind}`, HTMLAnchorElement);
        link.href = `${mount.path}.${kind}`;
        return link;
      }),
      hls: find(root, ".m3u8", HTMLAnchorElement),
    };
    const { play, volume, url, copy } = this.#parts;
    play.addEventListener("click", () => player.toggle(this));
    volume.addEventListener("input", () => player.setVolume(volume.valueAsNumber));
    url.addEventListener("focus", () => url.select());
    copy.addEventListener("click", () => void copyFrom(url, copy));
  }

  /** @param {Mount} mount */
  update(mount) {
    const parts = this.#parts;
    this.#name = mount.name;
    show(parts.name, mount.name);
    show(parts.genre, mount.genre);
    show(parts.title, mount.title || "No title yet");
    parts.title.classList.toggle("untitled", mount.title === "");
    if (parts.title.title !== mount.title) parts.title.title = mount.title;
    show(parts.listeners, plural(mount.listeners, "listener", "listeners"));
    show(parts.since, onAirFor(mount.startMs));
    show(parts.format, mount.format);
    if (parts.url.value !== mount.url) parts.url.value = mount.url;
    parts.hls.hidden = mount.hls === "";
    parts.hls.href = mount.hls;
    this.#label();
    const isNews = mount.title !== this.#title && this.#title !== "" && this.#state !== "idle";
    this.#title = mount.title;
    if (isNews) announce(`Now playing: ${mount.title || "no title"}`);
  }

  /** The source has gone while the stream plays on. */
  showOffAir() {
    show(this.#parts.listeners, "");
    show(this.#parts.since, "off air");
  }

  /** @param {PlayState} state */
  showState(state) {
    this.element.dataset["state"] = state;
    this.#parts.player.hidden = state === "idle";
    show(this.#parts.state, stateTexts[state]);
    this.#label();
  }

  /** @param {number} volume */
  showVolume(volume) {
    this.#parts.volume.valueAsNumber = volume;
  }

  get #state() {
    return this.element.dataset["state"];
  }

  /** Names for those who hear the controls one by one, away from the card's heading. */
  #label() {
    const { play, volume, url, copy, playlists, hls } = this.#parts;
    label(play, `${this.#state === "idle" ? "Play" : "Stop"} ${this.#name}`);
    label(volume, `Volume of ${this.#name}`);
    label(url, `Address of ${this.#name}`);
    label(copy, `Copy the address of ${this.#name}`);
    for (const link of [...playlists, hls]) label(link, `${link.textContent} playlist of ${this.#name}`);
  }
}

/** @param {HTMLInputElement} field @param {HTMLElement} button */
async function copyFrom(field, button) {
  try {
    await navigator.clipboard.writeText(field.value);
    show(button, "Copied");
    announce("Address copied");
  } catch {
    // Not allowed, or no secure context: the selection is one key press away from the clipboard.
    field.select();
    show(button, "Press Ctrl+C");
  }
  setTimeout(() => show(button, "Copy"), 2_000);
}

const player = new Player();
/** @type {Map<string, Card>} */
const cards = new Map();
const list = find(document, "#mounts", HTMLUListElement);
const trouble = byId("trouble");

/** @type {Card | undefined} */
const nobody = undefined;

/** @param {Mount[]} mounts */
function showMounts(mounts) {
  for (const mount of mounts) {
    let card = cards.get(mount.path);
    if (!card) {
      card = new Card(mount, player);
      cards.set(mount.path, card);
      const after = [...cards.values()]
        .filter((other) => other.element.isConnected && other.path > mount.path)
        .reduce((first, other) => (first && first.path < other.path ? first : other), nobody);
      list.insertBefore(card.element, after?.element ?? null);
    }
    card.update(mount);
  }
  const onAir = new Set(mounts.map(({ path }) => path));
  for (const [path, card] of cards) {
    if (onAir.has(path)) continue;
    if (player.card === card) card.showOffAir();
    else {
      // Whoever stood on it with the keyboard stays in the list's place.
      if (card.element.contains(document.activeElement)) byId("on-air").focus();
      card.element.remove();
      cards.delete(path);
    }
  }
  reveal("empty", cards.size === 0);
  const listeners = mounts.reduce((sum, mount) => sum + mount.listeners, 0);
  const summary = byId("summary");
  const streams = plural(mounts.length, "stream", "streams");
  show(
    summary,
    mounts.length > 0 ? `${streams} on air · ${plural(listeners, "listener", "listeners")}` : "Off air",
  );
  summary.classList.toggle("live", mounts.length > 0);
}

/** @param {unknown} warnings */
function showWarnings(warnings) {
  const items = (Array.isArray(warnings) ? warnings : []).map((warning) => {
    const { mount, text } = asObject(warning);
    const item = document.createElement("li");
    item.textContent = `${asText(mount)} ${asText(text)}`;
    return item;
  });
  byId("warnings").replaceChildren(...items);
  reveal("warnings", items.length > 0);
}

/** @param {string} path */
async function fetchText(path) {
  const reply = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(requestTimeoutMs) });
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.text();
}

let stationKnown = false;

async function showStation() {
  const station = asObject(JSON.parse(await fetchText("/api/v1/station")));
  stationKnown = true;
  const name = asText(station["name"]) || "Skywave";
  document.title = name;
  const description = asText(station["description"]);
  fill("station-name", name);
  fill("station-description", description);
  reveal("station-description", description !== "");
  showEncoderSettings(asText(station["ingestHost"]), Number(station["shoutcastPort"]));
}

/** @param {string} ingestHost "radio.example:8000", or "" when the station does not tell @param {number} shoutcastPort */
function showEncoderSettings(ingestHost, shoutcastPort) {
  const { hostname, port } = new URL(`http://${ingestHost || "unknown"}`);
  const known = ingestHost !== "";
  fill("ingest-host", known ? hostname : "");
  fill("ingest-port", port || "80");
  reveal("ingest-unknown", !known);
  reveal("ingest-port-row", known);
  reveal("shoutcast", shoutcastPort > 0);
  fill("shoutcast-port", String(shoutcastPort));
  fill("shoutcast-base-port", String(shoutcastPort - 1));
  reveal("example", known);
  const target = `icecast://source:PASSWORD@${ingestHost}/live.mp3`;
  fill("example-command", `ffmpeg -re -i music.mp3 -vn -c:a copy -f mp3 -content_type audio/mpeg ${target}`);
}

/**
 * The station's events, each of which changes what is shown. The browser comes again by itself when the connection is
 * lost, and is told what it missed.
 */
class Follower {
  /** @type {EventSource | null} */
  #events = null;
  /** By path of the mount; null before everything was told. @type {Map<string, Record<string, unknown>> | null} */
  #mounts = null;

  /** What is on air as the events tell it; null while they do not. */
  get mounts() {
    if (this.#events?.readyState !== EventSource.OPEN || !this.#mounts) return null;
    return [...this.#mounts.values()].map(parseMount);
  }

  open() {
    if (this.#events) return;
    const events = new EventSource("/api/v1/events");
    this.#events = events;
    /** @param {string} type @param {(data: Record<string, unknown>) => void} take */
    const on = (type, take) =>
      events.addEventListener(type, ({ data }) => {
        take(asObject(JSON.parse(asText(data))));
        const { mounts } = this;
        if (mounts) showMounts(mounts);
      });
    /** @param {Record<string, unknown>} data */
    const change = (data) => {
      const mount = asText(data["mount"]);
      const before = this.#mounts?.get(mount);
      if (before) this.#mounts?.set(mount, { ...before, ...data });
    };
    on("reset", ({ mounts }) => {
      const all = Array.isArray(mounts) ? mounts.map(asObject) : [];
      this.#mounts = new Map(all.map((mount) => [asText(mount["mount"]), mount]));
    });
    on("source-on", (mount) => this.#mounts?.set(asText(mount["mount"]), mount));
    on("source-off", ({ mount }) => this.#mounts?.delete(asText(mount)));
    on("title", change);
    on("listeners", change);
    // Its counts and title are as old as itself: those that came meanwhile are newer.
    on("format", ({ mount, name, genre, format }) => change({ mount, name, genre, format }));
    events.addEventListener("error", () => {
      // Refused: the browser does not try again, the next poll does.
      if (events.readyState === EventSource.CLOSED) this.close();
      void poll();
    });
  }

  close() {
    this.#events?.close();
    this.#events = null;
    this.#mounts = null;
  }
}

const follower = new Follower();
let failures = 0;
let lastSeen = "";
/** @type {number | undefined} */
let timer;
let polling = false;

async function poll() {
  if (polling || document.hidden) return;
  polling = true;
  clearTimeout(timer);
  try {
    if (!stationKnown) await showStation();
    const asked = follower.mounts ? null : parseMounts(JSON.parse(await fetchText("/api/v1/mounts")));
    showWarnings(asObject(JSON.parse(await fetchText("/api/v1/warnings")))["warnings"]);
    // What events told meanwhile is newer than any reply.
    showMounts(follower.mounts ?? asked ?? []);
    failures = 0;
    lastSeen = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    trouble.hidden = true;
    follower.open();
  } catch {
    failures++;
    follower.close();
    const known = lastSeen ? ` This is what was on air at ${lastSeen}.` : "";
    show(trouble, `The station cannot be reached.${known} Trying again…`);
    trouble.hidden = false;
  } finally {
    polling = false;
    const usualMs = follower.mounts ? followedPollMs : pollMs;
    if (!document.hidden) timer = setTimeout(poll, Math.min(slowestPollMs, usualMs * 2 ** failures));
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    follower.close();
  } else void poll();
});
window.addEventListener("online", () => void poll());
void poll();
