// @ts-check
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
const requestTimeoutMs = 8_000;
/** Points of the line that shows how many listened while the page was open. */
const sparkPoints = 120;

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`expected ${type.name} at ${selector}`);
  return element;
}

/** @param {string} id */
const byId = (id) => find(document, `#${id}`, HTMLElement);

/** @param {Element} element @param {string} text */
function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} name @param {string} [text] @param {string} [className] */
function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** @param {number} bytes */
function sizeText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toFixed(step > 1 ? 1 : 0)} ${units[step]}`;
}

/** "3:07", "2:15:40", "4 d 2 h". @param {number} ms */
function timeText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return isKorean ? `${days}일 ${(hours ?? 0) % 24}시간` : `${days} d ${(hours ?? 0) % 24} h`;
  const two = (/** @type {number} */ value) => String(value % 60).padStart(2, "0");
  return hours ? `${hours}:${two(minutes ?? 0)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

const regions = new Intl.DisplayNames([isKorean ? "ko" : "en"], { type: "region", fallback: "code" });
/** @param {string | null} code */
function countryName(code) {
  try {
    return code ? (regions.of(code) ?? code) : "";
  } catch {
    return code ?? "";
  }
}

const players =
  /\b(VLC|foobar2000|Winamp|iTunes|AppleCoreMedia|mpv|MPlayer|mpg123|Kodi|Sonos|Lavf|libcurl|curl|Wget|Icecast|liquidsoap|ExoPlayer|Edg|OPR|Firefox|Chrome|Safari)\b/i;
/** A name to know a player by. @param {string} agent */
function playerName(agent) {
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
function onClick(element, act) {
  element.addEventListener("click", () => void act());
}

/* Commands */

let csrf = "";
const notice = byId("notice");
/** @type {number | undefined} */
let noticeTimer;

/** @param {string} text @param {boolean} [isBad] */
function tell(text, isBad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", isBad);
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.hidden = true), isBad ? 8_000 : 4_000);
}

/** @param {string} question @param {string} action @returns {Promise<boolean>} */
function confirmed(question, action) {
  const dialog = find(document, "#confirm", HTMLDialogElement);
  byId("confirm-text").textContent = question;
  byId("confirm-ok").textContent = action;
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}

/**
 * Carries a command out, tells how it went, and looks again.
 * @param {string} command
 * @param {Record<string, string>} fields
 * @param {string} success
 * @param {Record<string, string>} [otherwise] what to say of Icecast's messages that are no success
 */
async function order(command, fields, success, otherwise = {}) {
  try {
    const reply = await fetch(`/admin/${command}`, {
      method: "POST",
      headers: { "X-Skywave-Csrf": csrf },
      body: new URLSearchParams(fields),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    const text = await reply.text();
    const parsed = new DOMParser().parseFromString(text, reply.ok ? "text/xml" : "text/html");
    const message = parsed.querySelector("message, b, body")?.textContent ?? "";
    const known = Object.entries(otherwise).find(([start]) => message.includes(start))?.[1];
    const isDone = reply.ok && parsed.querySelector("return")?.textContent !== "0";
    tell(
      known ?? (isDone ? success : say("That did not work: {0}", message || String(reply.status))),
      !isDone || known !== undefined,
    );
  } catch {
    tell(say("The station cannot be reached. Trying again…"), true);
  }
  refreshSoon();
}

/* One mount */

const template = find(document, "#mount-template", HTMLTemplateElement);
translate(template.content);

class Card {
  /** @param {string} mount */
  constructor(mount) {
    this.mount = mount;
    this.element = find(
      /** @type {DocumentFragment} */ (template.content.cloneNode(true)),
      "li",
      HTMLLIElement,
    );
    /** @type {number[]} */
    this.counts = [];
    /** @type {Map<number, HTMLTableRowElement>} */
    this.rows = new Map();
    this.accountNames = "";
    /** @type {string[]} */
    this.others = [];
    show(this.part(".path"), mount);
    this.details = find(this.element, ".listeners-part", HTMLDetailsElement);
    this.accounts = find(this.element, ".accounts-part", HTMLDetailsElement);
    for (const part of [this.details, this.accounts]) part.addEventListener("toggle", () => void this.look());
    this.titleForm();
    this.moveForm();
    this.fallbackForm();
    this.accountForm();
    onClick(this.part(".kill"), async () => {
      const question = say("Disconnect the source of {0}? Its encoder may come back at once.", mount);
      if (await confirmed(question, say("Disconnect")))
        await order("killsource", { mount }, say("Source disconnected"));
    });
  }

  /** @param {string} selector */
  part(selector) {
    return find(this.element, selector, HTMLElement);
  }

  /** @param {string} selector @param {(form: HTMLFormElement) => Promise<unknown>} act */
  onSubmit(selector, act) {
    const form = find(this.element, selector, HTMLFormElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void act(form);
    });
  }

  titleForm() {
    const field = find(this.element, ".title-form input", HTMLInputElement);
    this.onSubmit(".title-form", async (form) => {
      const fields = { mount: this.mount, mode: "updinfo", charset: "UTF-8", song: field.value };
      await order("metadata", fields, say("Title set"));
      form.reset();
    });
  }

  moveForm() {
    const field = find(this.element, ".move-form select", HTMLSelectElement);
    this.onSubmit(".move-form", async () => {
      const question = say("Move everybody from {0} to {1}?", this.mount, field.value);
      if (!(await confirmed(question, say("Move")))) return;
      await order("moveclients", { mount: this.mount, destination: field.value }, say("Listeners moved"));
    });
  }

  fallbackForm() {
    const field = find(this.element, ".fallback-form select", HTMLSelectElement);
    this.onSubmit(".fallback-form", () =>
      order("fallbacks", { mount: this.mount, fallback: field.value }, say("Fallback set")),
    );
  }

  accountForm() {
    this.onSubmit(".account-form", async (form) => {
      const [username, password] = ["username", "password"].map(
        (name) => find(form, `[name=${name}]`, HTMLInputElement).value,
      );
      const fields = { mount: this.mount, action: "add", username: username ?? "", password: password ?? "" };
      await order("manageauth", fields, say("Account added"), {
        "already exists": say("There is an account of that name"),
        "add failed": say("That did not work: {0}", username ?? ""),
      });
      form.reset();
    });
  }

  /** @param {Mount} mount @param {string[]} others @param {number} now */
  update(mount, others, now) {
    show(this.part(".name"), mount.name);
    this.part(".hidden-badge").hidden = !mount.hidden;
    show(this.part(".title"), mount.title || say("No title yet"));
    this.part(".title").classList.toggle("untitled", !mount.title);
    show(this.part(".number"), String(mount.listeners));
    show(this.part(".since"), timeText(now - mount.streamStartMs));
    show(
      this.part(".peak"),
      `${mount.listenerPeak}${mount.maxListeners === null ? "" : ` / ${mount.maxListeners}`}`,
    );
    show(this.part(".format"), soundText(mount));
    show(this.part(".source"), `${mount.source.userAgent || mount.source.protocol} · ${mount.source.ip}`);
    show(this.part(".fallback"), mount.fallback || say("none"));
    const countries = Object.entries(mount.audience?.byCountry ?? {}).filter(([code]) => code !== "");
    this.part(".countries-row").hidden = countries.length === 0;
    show(
      this.part(".countries"),
      countries
        .toSorted((a, b) => b[1] - a[1])
        .slice(0, 4)
        .map(([code, count]) => `${countryName(code)} ${count}`)
        .join(", "),
    );
    this.accounts.hidden = mount.authenticator !== "htpasswd";
    this.draw(mount.listeners);
    this.others = others.filter((other) => other !== this.mount);
    fillSelect(find(this.element, ".move-form select", HTMLSelectElement), this.others);
    find(this.element, ".move-form button", HTMLButtonElement).disabled = this.others.length === 0;
    fillSelect(
      find(this.element, ".fallback-form select", HTMLSelectElement),
      this.others,
      say("As in the settings"),
    );
    void this.look();
  }

  /** @param {number} count */
  draw(count) {
    this.counts = [...this.counts, count].slice(-sparkPoints);
    const highest = Math.max(1, ...this.counts);
    // A line that never moves says nothing.
    find(this.element, ".spark", SVGElement).classList.toggle(
      "flat",
      this.counts.every((each) => each === count),
    );
    const step = 100 / Math.max(1, this.counts.length - 1);
    const points = this.counts.map(
      (value, index) => `${(index * step).toFixed(1)},${(22 - (20 * value) / highest).toFixed(1)}`,
    );
    find(this.element, ".spark polyline", SVGPolylineElement).setAttribute("points", points.join(" "));
  }

  /** Asks who listens, where that is shown. */
  async look() {
    if (!this.details.open && !this.accounts.open) return;
    try {
      const found = /** @type {MountDetails} */ (
        await fetchJson(`/admin/console-mount.json?mount=${encodeURIComponent(this.mount)}`)
      );
      this.showListeners(found);
      this.showAccounts(found.accounts ?? []);
    } catch {
      // The overview tells when the station cannot be reached.
    }
  }

  /** @param {MountDetails} found */
  showListeners({ listeners, total, now }) {
    const body = find(this.element, ".listeners tbody", HTMLTableSectionElement);
    const present = new Set(listeners.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (present.has(id)) continue;
      if (row.contains(document.activeElement)) this.details.querySelector("summary")?.focus();
      row.remove();
      this.rows.delete(id);
    }
    for (const listener of listeners) {
      let row = this.rows.get(listener.id);
      if (!row) {
        row = this.makeRow(listener);
        this.rows.set(listener.id, row);
        body.append(row);
      }
      show(find(row, ".num", HTMLElement), timeText(now - listener.startedMs));
      const select = row.querySelector("select");
      if (select) fillSelect(select, this.others, say("Move to…"));
    }
    const table = find(this.element, ".listeners", HTMLTableElement);
    table.classList.toggle(
      "no-country",
      listeners.every(({ country }) => !country),
    );
    this.part(".none").hidden = listeners.length > 0;
    table.hidden = listeners.length === 0;
    this.part(".cut").hidden = listeners.length === total;
    show(this.part(".cut"), say("Showing {0} of {1} listeners.", String(listeners.length), String(total)));
  }

  /** @param {Listener} listener */
  makeRow({ id, address, userAgent, country, user }) {
    const row = document.createElement("tr");
    const player = make("td", user ? `${playerName(userAgent)} (${user})` : playerName(userAgent));
    const agent = make("span", userAgent, "agent");
    agent.title = userAgent;
    player.append(agent);
    const name = `${playerName(userAgent)} ${address ?? ""}`.trim();
    const move = document.createElement("select");
    move.ariaLabel = say("Move {0}", name);
    move.addEventListener("change", () => {
      const fields = { mount: this.mount, destination: move.value, id: String(id) };
      if (move.value !== "") void order("moveclients", fields, say("Listener moved"));
      move.value = "";
    });
    const kick = make("button", say("Kick"));
    kick.ariaLabel = say("Kick {0}", name);
    onClick(kick, () =>
      order("killclient", { mount: this.mount, id: String(id) }, say("Listener removed"), {
        "not found": say("Listener has left already"),
      }),
    );
    const actions = make("td", "", "act");
    actions.append(move, kick);
    row.append(
      player,
      make("td", address ?? say("unknown")),
      make("td", countryName(country)),
      make("td", "", "num"),
      actions,
    );
    return row;
  }

  /** @param {string[]} names */
  showAccounts(names) {
    if (names.join("\n") === this.accountNames) return;
    this.accountNames = names.join("\n");
    const items = names.map((username) => {
      const item = make("li", username);
      const button = make("button", say("Delete"));
      button.ariaLabel = say("Delete {0}", username);
      onClick(button, async () => {
        const question = say(
          "Delete the account {0}? Who listens with it goes on until they leave.",
          username,
        );
        if (!(await confirmed(question, say("Delete")))) return;
        await order("manageauth", { mount: this.mount, action: "delete", username }, say("Account deleted"));
      });
      item.append(button);
      return item;
    });
    this.part(".accounts").replaceChildren(...items);
  }
}

/** @param {Mount} mount */
function soundText({ bitrateKbps, format, contentType }) {
  const rate = bitrateKbps ? `${Math.round(bitrateKbps)} kb/s` : "";
  return [rate, format ?? contentType].filter(Boolean).join(" · ");
}

/** Choices that are there stay as they are, and so does what is chosen. @param {HTMLSelectElement} select @param {string[]} values @param {string} [first] */
function fillSelect(select, values, first) {
  const wanted = [...(first === undefined ? [] : [""]), ...values];
  if (wanted.join("\n") === [...select.options].map(({ value }) => value).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((value) => new Option(value === "" ? first : value, value)));
  if (wanted.includes(chosen)) select.value = chosen;
}

/* The station */

/** @type {Map<string, Card>} */
const cards = new Map();

/** @param {Overview} overview */
function showOverview(overview) {
  const { station, visitor, counters, mounts, now } = overview;
  csrf = overview.csrf;
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

/** @param {string} path @returns {Promise<unknown>} */
async function fetchJson(path) {
  const reply = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(requestTimeoutMs) });
  if (reply.status === 401 || reply.status === 403) throw new Error("login");
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.json();
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

document.documentElement.lang = isKorean ? "ko" : "en";
translate(document);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void poll();
});
window.addEventListener("online", () => void poll());
void poll();
