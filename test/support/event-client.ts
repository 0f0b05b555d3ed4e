import { setTimeout as sleep } from "node:timers/promises";

/** One event as the stream had it. */
export interface ToldEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Follows Server-Sent Events as a browser does: comes again with the id it had last when the connection ends. */
export class EventClient {
  readonly events: ToldEvent[] = [];
  /** Replies that were streams. */
  connections = 0;
  comments = 0;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #end = new AbortController();

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
    void this.#follow();
  }

  close(): void {
    this.#end.abort();
  }

  /** The titles of a mount as they were told, by any event; of the same twice in a row one. */
  titlesOf(mount: string): string[] {
    const titles: string[] = [];
    for (const { event, data } of this.events) {
      const about = event === "reset" ? (data["mounts"] as ToldEvent["data"][]) : [data];
      for (const each of about) {
        const title = each["mount"] === mount && "title" in each ? each["title"] : null;
        if (typeof title === "string" && title !== titles.at(-1)) titles.push(title);
      }
    }
    return titles;
  }

  async #follow(): Promise<void> {
    for (; !this.#end.signal.aborted; await sleep(200)) {
      try {
        await this.#connect();
      } catch {
        // It comes again.
      }
    }
  }

  async #connect(): Promise<void> {
    const lastId = this.events.at(-1)?.id;
    const response = await fetch(this.#url, {
      headers: { ...this.#headers, ...(lastId !== undefined && { "Last-Event-ID": lastId }) },
      signal: this.#end.signal,
    });
    if (!response.ok || !response.body) throw new Error(`refused with ${response.status}`);
    this.connections++;
    let text = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) this.#take(part);
    }
  }

  #take(part: string): void {
    if (part.startsWith(":")) this.comments++;
    const fields = new Map(
      part.split("\n").map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
    );
    const [id, event, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
    if (id === undefined || event === undefined || data === undefined) return;
    this.events.push({ id, event, data: JSON.parse(data) as ToldEvent["data"] });
  }
}
