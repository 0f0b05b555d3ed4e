import type { Socket } from "node:net";
import type { Statistics } from "../../shared/edge-api.ts";
import { errorReply } from "../../shared/icecast-reply.ts";
import { millis } from "../../shared/units.ts";
import { finish } from "../client-socket.ts";
import { type Log, reasonOf } from "../log.ts";
import { statsBehindBytes, statsClients, statsPollMs } from "../station-limits.ts";
import { noStatistics, statisticsEvents } from "./statistics-events.ts";

export interface StatsStreamOptions {
  /** The statistics now; rejects when they cannot be had. */
  readonly statistics: () => Promise<Statistics>;
  readonly log: Log;
  readonly pollMs?: number;
  readonly behindBytes?: number;
}

/** A connection that reads statistics, as far as this file uses it. */
export type StatsSocket = Pick<
  Socket,
  "write" | "destroy" | "destroyed" | "once" | "resume" | "writableLength"
>;

/**
 * Icecast's STATS clients: each gets the whole dump and then every change. The edge is asked once a second while any of
 * them is there, and all share the answer. Who it is must have been made sure of.
 */
export class StatsStream {
  readonly #options: StatsStreamOptions;
  readonly #clients = new Set<StatsSocket>();
  #known: Statistics | null = null;
  #connections = 0;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;

  constructor(options: StatsStreamOptions) {
    this.#options = options;
  }

  /** Clients now. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Takes over the socket of a client that may see the statistics. */
  async serve(socket: Socket): Promise<void> {
    if (this.#clients.size >= statsClients) {
      return finish(socket, errorReply(403, "too many statistics clients", millis(Date.now())));
    }
    await this.join(socket);
  }

  async join(socket: StatsSocket): Promise<void> {
    this.#clients.add(socket);
    this.#connections++;
    socket.once("close", () => this.#leave(socket));
    // Its end is seen only in a socket that is read.
    socket.resume();
    if (socket.destroyed) return this.#leave(socket);
    socket.write("HTTP/1.0 200 OK\r\n\r\n");
    const known = this.#known;
    // Those who are there already get the difference from the poll; a newcomer gets what they have.
    if (known) socket.write(statisticsEvents(noStatistics, this.#withClients(known)));
    else await this.#poll();
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const socket of this.#clients) socket.destroy();
  }

  #leave(socket: StatsSocket): void {
    this.#clients.delete(socket);
    if (this.#clients.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#known = null;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#clients.size === 0) return;
    this.#timer = setTimeout(() => void this.#next(), this.#options.pollMs ?? statsPollMs);
  }

  async #next(): Promise<void> {
    await this.#poll();
    this.#timer = undefined;
    this.#schedule();
  }

  async #poll(): Promise<void> {
    try {
      const next = this.#withClients(await this.#options.statistics());
      this.#failed = false;
      const events = statisticsEvents(this.#known ?? noStatistics, next);
      if (this.#clients.size === 0) return;
      this.#known = next;
      if (events !== "") for (const socket of this.#clients) this.#send(socket, events);
    } catch (error) {
      if (!this.#failed) {
        this.#options.log.warn(
          { reason: reasonOf(error) },
          "statistics clients wait: the edge does not tell",
        );
      }
      this.#failed = true;
    }
  }

  /** The edge does not know who reads its statistics here. */
  #withClients({ global, sources }: Statistics): Statistics {
    const own = { stats: String(this.#clients.size), stats_connections: String(this.#connections) };
    return { global: { ...global, ...own }, sources };
  }

  #send(socket: StatsSocket, text: string): void {
    if (socket.writableLength > (this.#options.behindBytes ?? statsBehindBytes)) socket.destroy();
    else socket.write(text);
  }
}
