/**
 * Which connections of one runtime are one session, so that a listener is one although its browser probes first and its
 * player reconnects. Pure: the time is an argument, ms of one clock that never goes back.
 *
 * A connection has a *key*: the mount, the client's address and its user agent; null where the address is not known, and
 * such a connection is always a session of its own. Number and start of a session are kept over its connections:
 *
 * - A connection goes on with the session of its key that ended last, when that was at most `resumeMs` ago. A session that
 *   an administrator ended is not gone on with.
 * - That a client has gone is noticed when the next segments are written to it. When a connection's end is noticed and one of
 *   its key that began later is open, not older than `noticeMs`, that one goes on with the session: the client has come
 *   back, or only probed, before anybody knew that it went. Of several the one that began last.
 * - Other connections of one key that are open at the same time are sessions of their own: people share addresses.
 * - A connection that asks for no more than two bytes (`asksForProbe`) is a probe until it is `probeMs` + `noticeMs` old:
 *   nobody is told of it before, unless it goes on with a session. Ended before, it was none.
 */

export interface SessionLimits {
  readonly resumeMs: number;
  readonly probeMs: number;
  readonly noticeMs: number;
  /** Sessions kept that may be gone on with; the one that ended first goes first. */
  readonly ended: number;
}

/** A connection that is open, with what its owner keeps of its session. */
export interface SessionStay<Kept> {
  readonly key: string | null;
  /** Replaced when the connection turns out to go on with another's session. */
  readonly kept: Kept;
  readonly beganMs: number;
  /** It goes on with an earlier session. */
  readonly resumes: boolean;
  readonly asksForProbe: boolean;
  /** Another of its key was open when it began. */
  readonly beside: boolean;
}
type MutableStay<Kept> = { -readonly [Name in keyof SessionStay<Kept>]: SessionStay<Kept>[Name] };

/** What became of a connection's session. */
export type SessionClose<Kept> =
  | { readonly kind: "ended" }
  /** It was none. */
  | { readonly kind: "probe" }
  /** Another connection goes on with it; what that one had, `instead`, was no session of its own. */
  | { readonly kind: "continued"; readonly by: SessionStay<Kept>; readonly instead: Kept };

export class SessionMemory<Kept> {
  readonly #limits: SessionLimits;
  readonly #open = new Map<string, Set<MutableStay<Kept>>>();
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
    const open = key === null ? undefined : this.#open.get(key);
    const beside = open !== undefined;
    const stay = { key, kept, beganMs: nowMs, resumes: last !== undefined, asksForProbe, beside };
    if (key === null) return stay;
    if (open) open.add(stay);
    else this.#open.set(key, new Set([stay]));
    return stay;
  }

  /** Whether others may be told of a connection that is open. */
  counts({ asksForProbe, beganMs, resumes }: SessionStay<Kept>, nowMs: number): boolean {
    return !asksForProbe || resumes || nowMs - beganMs >= this.#limits.probeMs + this.#limits.noticeMs;
  }

  /** Whether a connection may yet turn out to go on with the session of another that is open: its own is not to be counted. */
  isDoubtful({ beside, beganMs, resumes }: SessionStay<Kept>, nowMs: number): boolean {
    return beside && !resumes && nowMs - beganMs <= this.#limits.noticeMs;
  }

  /** A connection's end is noticed, which is told once; `forGood`: nobody goes on with its session. */
  close(stay: SessionStay<Kept>, nowMs: number, forGood: boolean): SessionClose<Kept> {
    const { key } = stay;
    const others = key === null ? undefined : this.#open.get(key);
    others?.delete(stay);
    if (key !== null && others?.size === 0) this.#open.delete(key);
    if (!this.counts(stay, nowMs)) return { kind: "probe" };
    if (key === null || forGood) {
      this.#gone.push(stay.kept);
      return { kind: "ended" };
    }
    const by = [...(others ?? [])].findLast(
      (other) =>
        !other.resumes && other.beganMs >= stay.beganMs && nowMs - other.beganMs <= this.#limits.noticeMs,
    );
    if (by) {
      const instead = by.kept;
      by.kept = stay.kept;
      by.resumes = true;
      return { kind: "continued", by, instead };
    }
    this.#ended.set(stay, nowMs);
    const ended = this.#endedOf.get(key);
    if (ended) ended.push(stay);
    else this.#endedOf.set(key, [stay]);
    this.#expire(nowMs);
    return { kind: "ended" };
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
    const key = stay.key ?? "";
    const left = (this.#endedOf.get(key) ?? []).filter((other) => other !== stay);
    if (left.length > 0) this.#endedOf.set(key, left);
    else this.#endedOf.delete(key);
  }
}

/** Whether a `Range` header asks for the first byte or two, as Safari does before it plays. */
export const asksForProbe = (range: string | null): boolean => /^bytes=0-[01]$/.test(range?.trim() ?? "");
