import type { Millis, MountPath } from "./units.ts";

/**
 * One listener's stay on a mount, as the edge keeps it while it lasts. A player that probes first or reconnects at once
 * goes on with the same session.
 */
export interface ListenerSession {
  /**
   * Names it towards administrators and authentication servers: 1 to 2^31 - 1, for tools read Icecast's ID as a 32-bit int.
   * It is drawn in each isolate, which has it once. That two isolates draw the same for a mount of 1,000 listeners happens
   * at one time in 4,000, of 20,000 at one in ten: `killclient` and `moveclients` of that number then mean both, and
   * nothing else goes by it alone.
   */
  readonly id: number;
  /** Where it listens now: `moveclients` changes it. */
  readonly mount: MountPath;
  /** As far as the edge can know it; null where nobody can be believed. Kept while the session lasts. */
  readonly address: string | null;
  readonly userAgent: string;
  readonly referer: string;
  /** ISO 3166-1 alpha-2, from the platform; null where it is not known. */
  readonly country: string | null;
  /** Who logged in, where listeners do. */
  readonly user: string | null;
  /** Request line as it came, without the query: "GET /live.mp3 HTTP/1.1". */
  readonly request: string;
  readonly startedMs: Millis;
}

/** What is left of a session that has ended, for the access log; only where the station keeps one. */
export interface SessionRecord extends ListenerSession {
  readonly endedMs: Millis;
  readonly bytesSent: number;
}

/** What the station counts since it was set up, as in Icecast's global statistics. */
export interface StationCounters {
  /** Requests for a mount that got a stream. */
  readonly listenerConnections: number;
  /** Sources that were let in. */
  readonly sourceConnections: number;
  readonly bytesSent: number;
  /** Listeners that skipped because they were too slow. */
  readonly slowListeners: number;
}

/** Statistics of a mount's listeners since its source took it. */
export interface AudienceCounters {
  /** Sessions that began. */
  readonly sessions: number;
  /** Different listeners today (UTC), by a hash whose salt is thrown away every day. */
  readonly uniqueToday: number;
  /** Sessions that last, by country; "" where it is not known. */
  readonly byCountry: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly slowListeners: number;
}
