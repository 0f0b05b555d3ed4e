import type { ListenerSession, SessionRecord } from "../../shared/listener-session.ts";
import type { ListenerOrder } from "../../shared/orders.ts";
import { SessionMemory, type SessionStay } from "../../shared/session-memory.ts";
import { type Millis, type MountPath, millis } from "../../shared/units.ts";
import { knownStation } from "../directory.ts";
import { clock } from "../isolate-clock.ts";
import {
  endedSessions,
  rosterCallTimeoutMs,
  rosterLimits,
  rosterLookMs,
  sessionNoticeMs,
  sessionProbeMs,
  sessionResumeMs,
} from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import type { Seat } from "../seat-desk.ts";
import { type ReportedSession, RosterReporter } from "./roster-reporter.ts";

/** What a session can have done with its stream, and wants to know of it. Any request may call these. */
export interface SessionStream {
  /** The stream ends as soon as its listener's request runs. */
  end(): void;
  /** The stream goes on with another mount, the connection as it is. */
  moveTo(mount: MountPath): void;
  /** Of this connection so far. */
  readonly bytesSent: number;
  /** How often it fell out of the window because it was too slow. */
  readonly skips: number;
}

/** A listener's connection and the session it belongs to (`shared/session-memory.ts`). */
export interface SessionHandle {
  /** As it is now: `mount` changes when the listener is moved. */
  readonly session: ListenerSession;
  /** The same listener was here a moment ago and goes on with its session. */
  readonly resumes: boolean;
  /** To be called once by the stream when there is one; without one only `leave` follows. */
  attach(stream: SessionStream): void;
  /** The listener has gone; the first call counts. `host` may be that of any request that still works. */
  leave(host: Host): void;
}

/** What is known of a connection besides. */
export interface SessionFacts {
  /** A number from `newSessionId` that others have been told: a session that is gone on with has it from then on. */
  readonly id?: number | undefined;
  /** Goes along when the listener is moved; whoever took it gives it back. */
  readonly seat?: Seat | undefined;
  readonly asksForProbe: boolean;
}

export type About = Omit<ListenerSession, "id" | "startedMs">;

/** What is kept of a session over its connections. */
interface KeptSession {
  session: ListenerSession;
  /** Of its connections that are over. */
  bytesSent: number;
  endedMs: Millis;
}

/** One that is open in this isolate. */
export class OpenSession implements SessionHandle, ReportedSession {
  readonly #stay: SessionStay<KeptSession>;
  readonly #seat: Seat | undefined;
  readonly #isTold: boolean;
  #stream: SessionStream | null = null;
  #isOpen = true;
  #isKilled = false;
  #movedTo: MountPath | null = null;
  #movedMs: number | null = null;
  /** What was told of this connection to the rosters of mounts it was moved from. */
  #toldBytes = 0;
  #toldSkips = 0;

  constructor(about: About, facts: SessionFacts) {
    const { mount, address, userAgent } = about;
    const key = address === null ? null : `${mount}\n${address}\n${userAgent}`;
    this.#stay = memory.open(key, facts.asksForProbe, clock.now(), () => ({
      session: { ...about, id: newSessionId(), startedMs: millis(Date.now()) },
      bytesSent: 0,
      endedMs: millis(0),
    }));
    const { kept } = this.#stay;
    // Whoever was told a number asks for the listener by it.
    kept.session = { ...about, id: facts.id ?? kept.session.id, startedMs: kept.session.startedMs };
    this.#isTold = facts.id !== undefined;
    this.#seat = facts.seat;
  }

  get session(): ListenerSession {
    return this.#stay.kept.session;
  }

  get resumes(): boolean {
    return this.#stay.resumes;
  }

  get counts(): boolean {
    return memory.counts(this.#stay, clock.now());
  }

  get isDoubtful(): boolean {
    return memory.isDoubtful(this.#stay, clock.now());
  }

  /** Who came to the mount after a move was ordered stays; an isolate may hear of the same order twice. */
  isMeant({ listener }: Pick<ListenerOrder, "listener">, ageMs: number): boolean {
    const sinceMs = this.#movedMs ?? (listener === null ? this.#stay.beganMs : Number.NEGATIVE_INFINITY);
    return clock.now() - sinceMs >= ageMs;
  }

  get bytesSent(): number {
    return (this.#stream?.bytesSent ?? 0) - this.#toldBytes;
  }

  get skips(): number {
    return (this.#stream?.skips ?? 0) - this.#toldSkips;
  }

  attach(stream: SessionStream): void {
    this.#stream = stream;
    if (this.#isKilled) stream.end();
    else if (this.#movedTo) stream.moveTo(this.#movedTo);
  }

  enter(host: Host): void {
    keepRecords(host);
    const { mount } = this.session;
    list(this);
    reporterOf(mount).join(this, this.resumes ? "resumed" : "new", host);
  }

  /** It goes on with another's session, `instead` of the one it had. */
  become({ id, startedMs }: ListenerSession, instead: ListenerSession): void {
    this.#stay.kept.session = { ...instead, startedMs, ...(!this.#isTold && { id }) };
  }

  kill(host: Host): void {
    this.#isKilled = true;
    this.#stream?.end();
    // Its connection may take a while to notice; nobody is to see it meanwhile.
    this.leave(host);
  }

  moveTo(mount: MountPath, host: Host): void {
    if (mount === this.session.mount) return;
    unlist(this);
    const left = reporterOf(this.session.mount);
    left.leave(this, false);
    left.tell(host);
    this.#toldBytes = this.#stream?.bytesSent ?? 0;
    this.#toldSkips = this.#stream?.skips ?? 0;
    const { kept } = this.#stay;
    kept.session = { ...kept.session, mount };
    list(this);
    reporterOf(mount).join(this, "moved", host);
    this.#seat?.moveTo(mount, host);
    this.#movedTo = mount;
    this.#movedMs = clock.now();
    this.#stream?.moveTo(mount);
  }

  leave(host: Host): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    unlist(this);
    const { kept } = this.#stay;
    kept.bytesSent += this.#stream?.bytesSent ?? 0;
    kept.endedMs = millis(Date.now());
    const outcome = memory.close(this.#stay, clock.now(), this.#isKilled);
    const left = reporterOf(this.session.mount);
    left.leave(this, outcome.kind === "probe");
    if (outcome.kind === "continued") handOver(this.session, outcome.instead, host);
    left.tell(host);
    keepRecords(host);
    if (memory.lingering > 0) keepRecordsLater(host);
  }
}

const memory = new SessionMemory<KeptSession>({
  resumeMs: sessionResumeMs,
  probeMs: sessionProbeMs,
  noticeMs: sessionNoticeMs,
  ended: endedSessions,
});
/** By mount as it is now, and number. */
export const open = new Map<MountPath, Map<number, OpenSession>>();
/** By mount. */
const reporters = new Map<MountPath, RosterReporter>();
let keepingSinceMs: number | null = null;

function list(session: OpenSession): void {
  const { mount, id } = session.session;
  const sessions = open.get(mount);
  if (sessions) sessions.set(id, session);
  else open.set(mount, new Map([[id, session]]));
}

function unlist(session: OpenSession): void {
  const { mount, id } = session.session;
  const sessions = open.get(mount);
  sessions?.delete(id);
  if (sessions?.size === 0) open.delete(mount);
}

/** A listener came back before its end was noticed: what it had `instead` becomes this session, where it listens now. */
function handOver(session: ListenerSession, { session: instead }: KeptSession, host: Host): void {
  const heir = open.get(instead.mount)?.get(instead.id);
  if (!heir) return;
  open.get(instead.mount)?.delete(instead.id);
  heir.become(session, instead);
  list(heir);
  reporterOf(instead.mount).rename(heir, instead.id, host);
}

function reporterOf(mount: MountPath): RosterReporter {
  const known = reporters.get(mount);
  // The roster forgets what it has of one that was silent for long, and would count all of it again.
  if (known && !(known.isDone && msSince(known.calledMs) > rosterLimits.countsMs / 2)) return known;
  const reporter = new RosterReporter(mount);
  reporters.set(mount, reporter);
  return reporter;
}

/** Sessions that nobody goes on with any more go to the access log, where there is one, and are forgotten. */
export function keepRecords(host: Host): void {
  const gone = memory.takeGone(clock.now());
  if (gone.length === 0 || !knownStation(host.env).accessLog) return;
  for (const { session, endedMs, bytesSent } of gone) {
    const record: SessionRecord = { ...session, endedMs, bytesSent };
    reporterOf(session.mount).add(record, host);
  }
}

/** The last to leave may be the last to speak: its request looks again when nobody goes on with its session any more. */
function keepRecordsLater(host: Host): void {
  if (!knownStation(host.env).accessLog) return;
  if (keepingSinceMs !== null && msSince(keepingSinceMs) < rosterLookMs) return;
  keepingSinceMs = Date.now();
  host.keepAlive(keepLastRecords(host));
}

async function keepLastRecords(host: Host): Promise<void> {
  await scheduler.wait(sessionResumeMs + rosterLookMs);
  keepRecords(host);
  // A call that stood then may have ended with its request, and nobody else may come to make it again.
  await scheduler.wait(rosterLimits.everyMs + 2 * rosterCallTimeoutMs);
  renewReporters(host);
}

/** Tells rosters what is due to be told. */
export function renewReporters(host: Host): void {
  for (const [mount, reporter] of reporters) {
    if (reporter.isDone) reporters.delete(mount);
    else reporter.renew(host);
  }
}

/** 31 random bits that no session of this isolate has: `ListenerSession.id`. */
export function newSessionId(): number {
  for (;;) {
    const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
    const id = drawn >>> 1;
    if (id !== 0 && ![...open.values()].some((sessions) => sessions.has(id))) return id;
  }
}
