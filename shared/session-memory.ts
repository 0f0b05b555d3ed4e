/**
 * Which connections of one runtime are one session, so that a listener is one although its browser probes first and its
 * player reconnects. Pure: the time is an argument, ms of one clock that never goes back.
 *
 * A connection has a *key*: the mount, the client's address and its user agent; null where the address is not known, and
 * such a connection is always a session of its own. Then
 *
 * - a connection goes on with the session of its key that ended last, when that was at most `resumeMs` ago: number and
 *   start are kept. A session that was ended by an administrator is not gone on with;
 * - connections of one key that are open at the same time are sessions of their own: people share addresses;
 * - a connection that is closed within `probeMs` of its beginning, while one of its key that began later is open, was a
 *   *probe* of that one: its session never was. Closed before the later one comes, it is gone on with by the first rule;
 * - a connection that asks for no more than two bytes (`asksForProbe`) is a probe until it is `probeMs` old: nobody is told
 *   of it before, unless it goes on with a session.
 */

export interface SessionLimits {
  readonly resumeMs: number;
  readonly probeMs: number;
  /** Sessions kept that may be gone on with; the one that ended first goes first. */
  readonly ended: number;
}

/** What is kept of a session, `Kept` being whatever its owner needs to go on with it. */
export interface SessionStay<Kept> {
  readonly key: string | null;
  readonly kept: Kept;
  /** When this connection began. */
  readonly beganMs: number;
  /** It goes on with a session that had ended. */
  readonly resumes: boolean;
  readonly asksForProbe: boolean;
}

/** What became of a connection: its session has ended, or was none. */
export type SessionClose = "ended" | "probe";

export class SessionMemory<Kept> {
  readonly #limits: SessionLimits;
  readonly #open = new Map<string, Set<SessionStay<Kept>>>();
  /** Sessions that may be gone on with and when they ended, in that order. */
  readonly #ended = new Map<SessionStay<Kept>, number>();
  /** The same by key, the one that ended last at the end. */
  readonly #endedOf = new Map<string, SessionStay<Kept>[]>();
  /** Sessions that nobody will go on with. */
  #gone: Kept[] = [];

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** Sessions that have ended and were not handed out by `takeGone`. */
  get lingering(): number {
    return this.#ended.size + this.#gone.length;
  }

  /** A connection begins; `fresh` makes what is kept of a new session. */
  open(key: string | null, asksForProbe: boolean, nowMs: number, fresh: () => Kept): SessionStay<Kept> {
    this.#expire(nowMs);
    const last = key === null ? undefined : this.#endedOf.get(key)?.at(-1);
    if (last) this.#forget(last);
    const kept = last ? last.kept : fresh();
    const stay: SessionStay<Kept> = { key, kept, beganMs: nowMs, resumes: last !== undefined, asksForProbe };
    if (key === null) return stay;
    const open = this.#open.get(key);
    if (open) open.add(stay);
    else this.#open.set(key, new Set([stay]));
    return stay;
  }

  /** Whether others may be told of a connection that is open. */
  counts({ asksForProbe, beganMs, resumes }: SessionStay<Kept>, nowMs: number): boolean {
    return !asksForProbe || resumes || nowMs - beganMs >= this.#limits.probeMs;
  }

  /** A connection has ended, which is told once; `forGood`: nobody goes on with its session. */
  close(stay: SessionStay<Kept>, nowMs: number, forGood: boolean): SessionClose {
    const { key } = stay;
    const others = key === null ? undefined : this.#open.get(key);
    others?.delete(stay);
    if (key !== null && others?.size === 0) this.#open.delete(key);
    const isShort = nowMs - stay.beganMs < this.#limits.probeMs;
    if (isShort && !stay.resumes && (stay.asksForProbe || isFollowed(stay, others))) return "probe";
    if (key === null || forGood) {
      this.#gone.push(stay.kept);
      return "ended";
    }
    this.#ended.set(stay, nowMs);
    const ended = this.#endedOf.get(key);
    if (ended) ended.push(stay);
    else this.#endedOf.set(key, [stay]);
    this.#expire(nowMs);
    return "ended";
  }

  /** Sessions that nobody will go on with any more, each once. */
  takeGone(nowMs: number): readonly Kept[] {
    this.#expire(nowMs);
    const gone = this.#gone;
    this.#gone = [];
    return gone;
  }

  #expire(nowMs: number): void {
    const { resumeMs, ended: most } = this.#limits;
    for (const [stay, endedMs] of this.#ended) {
      if (nowMs - endedMs <= resumeMs && this.#ended.size <= most) break;
      this.#forget(stay);
      this.#gone.push(stay.kept);
    }
  }

  #forget(stay: SessionStay<Kept>): void {
    this.#ended.delete(stay);
    const left = (this.#endedOf.get(stay.key ?? "") ?? []).filter((other) => other !== stay);
    if (left.length > 0) this.#endedOf.set(stay.key ?? "", left);
    else this.#endedOf.delete(stay.key ?? "");
  }
}

const isFollowed = <Kept>(
  stay: SessionStay<Kept>,
  open: ReadonlySet<SessionStay<Kept>> | undefined,
): boolean => [...(open ?? [])].some((other) => other.beganMs >= stay.beganMs && other !== stay);

/** Whether a `Range` header asks for the first byte or two, as Safari does before it plays. */
export const asksForProbe = (range: string | null): boolean => /^bytes=0-[01]$/.test(range?.trim() ?? "");
