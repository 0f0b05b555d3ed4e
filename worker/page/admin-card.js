// @ts-check
import { confirmed, order } from "./admin-orders.js";
import {
  countryName,
  fetchJson,
  fillSelect,
  find,
  make,
  onClick,
  playerName,
  show,
  soundText,
  timeText,
} from "./admin-parts.js";
import { say, translate } from "./admin-words.js";
/* One mount of the console. */

/** Points of the line that shows how many listened while the page was open. */
const sparkPoints = 120;

const template = find(document, "#mount-template", HTMLTemplateElement);
translate(template.content);

export class Card {
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

  /** @param {import("./admin.js").Mount} mount @param {string[]} others @param {number} now */
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
      const found = /** @type {import("./admin.js").MountDetails} */ (
        await fetchJson(`/admin/console-mount.json?mount=${encodeURIComponent(this.mount)}`)
      );
      this.showListeners(found);
      this.showAccounts(found.accounts ?? []);
    } catch {
      // The overview tells when the station cannot be reached.
    }
  }

  /** @param {import("./admin.js").MountDetails} found */
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

  /** @param {import("./admin.js").Listener} listener */
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
