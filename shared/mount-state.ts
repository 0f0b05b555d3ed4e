import type { AgedOrder } from "./order-book.ts";
import { comparePosition, durationMs, type Position, type SegmentRef, type TitleMark } from "./segment.ts";
import {
  type Granted,
  noSeats,
  reportAllSeats,
  requestSeats,
  runtimesSeated,
  type SeatReport,
  type SeatRequest,
  seatsTaken,
  type SeatTable,
} from "./seats.ts";
import type { SourceInfo } from "./source/source-info.ts";
import { type Epoch, type Millis, type MountPath, epoch as epochOf, millis } from "./units.ts";

/**
 * One mount as a pure state machine: who may write, which segments it can still serve, what listeners are told.
 * The mount's object feeds it events with the time and keeps what it returns.
 *
 *   claim     a source wants the mount; the epoch rises by one when it gets it
 *   announce  a segment is in storage
 *   renew     the source is connected though no segment came
 *   release   the source has gone
 *   expel     an administrator ends its connection: it is fenced, and may come back
 *   report    how many listeners runtimes (isolates) have: `seats.ts`
 *
 * Fencing: every event but claim, expel and report names its epoch; one older than the state's is refused, and so is its sender
 * from then on. Invariants: the epoch never falls; the window is in order of play without duplicates; at most one source.
 */
export interface MountState {
  readonly format: 2;
  /** The highest epoch ever claimed; 0 before the first source. */
  readonly epoch: number;
  readonly holder: MountHolder | null;
  /** Segments in order of play, oldest first: bounded by `limits.window*`. */
  readonly window: readonly SegmentRef[];
  /** Title in force at the window's first sample; null when none was ever set in these epochs. */
  readonly titleBefore: Title | null;
  /** When the newest segment was announced, 0 before the first. */
  readonly edgeMs: Millis;
  readonly listeners: SeatTable;
  readonly listenerPeak: number;
}

/** The source that has, or last had, the mount. */
interface MountHolder {
  readonly epoch: Epoch;
  /** Identity of its ingest host. */
  readonly ingest: string;
  readonly source: SourceInfo;
  readonly sinceMs: Millis;
  /** Last word from the ingest about this epoch. */
  readonly seenMs: Millis;
  /** It said goodbye, at `seenMs`. */
  readonly released: boolean;
  /** Who ended its connection; absent when nobody did. */
  readonly expelledBy?: string;
  /** What it has sent that is neither audio nor tags; absent before any of it was told. */
  readonly garbageBytes?: number;
  /** Whose connection it is: equal for the same credentials, and nothing else is known of it. */
  readonly credential: string;
  readonly policy: MountPolicy;
}

/** What the ingest host that has the mount says of it: rules of its station file. */
export interface MountPolicy {
  /** Target duration of a segment, ms: says how long an ingest host may be silent before it counts as gone. */
  readonly segmentMs: number;
  /** How long listeners wait for their source when it has gone, ms. */
  readonly graceMs: number;
}

/** Who may take a mount from a source that still has it: the same login when its connection is stuck, anybody who may log in, nobody. */
export type Takeover = "same-credentials" | "always" | "never";

export interface Title {
  readonly text: string;
  readonly url?: string;
}

export interface MountLimits {
  /** A source that brought no segment for this long and one segment more is stuck, ms. */
  readonly stuckMs: number;
  /** The window holds at least this much audio and this many bytes while there are that many, and no more. */
  readonly windowMs: number;
  readonly windowBytes: number;
  /** ...and never more segments than this. */
  readonly windowSegments: number;
  /** Silence after which a runtime's listeners are not counted any more, ms. */
  readonly reportTtlMs: number;
  /** Runtimes whose reports are kept. */
  readonly reporters: number;
}

export type MountEvent =
  | ClaimEvent
  | { readonly kind: "announce"; readonly segment: SegmentRef }
  | { readonly kind: "renew"; readonly epoch: Epoch; readonly garbageBytes?: number | undefined }
  | { readonly kind: "release"; readonly epoch: Epoch }
  /** `by`: who wants it, as its ingest host is told. */
  | { readonly kind: "expel"; readonly by: string }
  | { readonly kind: "report"; readonly reports: readonly SeatReport[] };

export interface ClaimEvent {
  readonly kind: "claim";
  readonly ingest: string;
  readonly source: SourceInfo;
  readonly credential: string;
  readonly takeover: Takeover;
  readonly policy: MountPolicy;
}

export type MountReply =
  /** `gapMs`: for how long those who listened to the epoch before have had nothing new; null when nobody can be waiting. */
  | { readonly kind: "claimed"; readonly epoch: Epoch; readonly gapMs: number | null }
  | { readonly kind: "in-use" }
  | { readonly kind: "ok" }
  /** `by`: who ended its connection, where somebody did. */
  | { readonly kind: "fenced"; readonly epoch: number; readonly by?: string };

/** live: a source has the mount. waiting: it has gone, listeners are kept. off: nothing to hear. */
export type MountPhase = "live" | "waiting" | "off";

export const emptyMount: MountState = {
  format: 2,
  epoch: 0,
  holder: null,
  window: [],
  titleBefore: null,
  edgeMs: millis(0),
  listeners: noSeats,
  listenerPeak: 0,
};

interface Reduced {
  readonly state: MountState;
  readonly reply: MountReply;
}

export function reduceMount(state: MountState, event: MountEvent, now: Millis, limits: MountLimits): Reduced {
  switch (event.kind) {
    case "claim":
      return claim(state, event, now, limits);
    case "report":
      return {
        state: withListeners(
          state,
          reportAllSeats(state.listeners, event.reports, now, seatLimits(limits)),
          now,
          limits,
        ),
        reply: { kind: "ok" },
      };
    case "announce": {
      const held = hold(state, event.segment.epoch, now, false);
      if (held.reply.kind !== "ok") return held;
      return { state: append(held.state, event.segment, now, limits), reply: held.reply };
    }
    case "renew":
      return withGarbage(hold(state, event.epoch, now, false), event.garbageBytes);
    case "release":
      return hold(state, event.epoch, now, true);
    case "expel":
      return expel(state, event.by, now);
  }
}

export function phaseOf(state: Pick<MountState, "holder" | "window">, now: Millis): MountPhase {
  const { holder } = state;
  if (!holder) return "off";
  if (holds(holder, now)) return "live";
  return now < listenersKeptUntil(holder) && state.window.length > 0 ? "waiting" : "off";
}

/** Silence after which an ingest host counts as gone, ms: three segments, at most 10 s, and never so short that one lost call costs the mount. */
export const leaseMs = ({ segmentMs }: Pick<MountPolicy, "segmentMs">): number =>
  Math.min(10_000, Math.max(3_000, 3 * segmentMs));

/** When the phase changes if nothing more is heard of the source; null when the mount is off for good. */
export function phaseEndsAt(state: Pick<MountState, "holder" | "window">, now: Millis): Millis | null {
  const phase = phaseOf(state, now);
  if (!state.holder || phase === "off") return null;
  // The lease is over just after its last moment.
  if (phase === "live") return millis(state.holder.seenMs + leaseMs(state.holder.policy) + 1);
  return millis(listenersKeptUntil(state.holder));
}

const listenersKeptUntil = ({ released, seenMs, policy }: MountHolder): number =>
  (released ? seenMs : seenMs + leaseMs(policy)) + policy.graceMs;

/**
 * How long listeners stay with a source that is connected but brings nothing, ms: as long as with one that went without
 * a word.
 */
export const patienceMs = (policy: MountPolicy): number => leaseMs(policy) + policy.graceMs;

/** Seats for listeners that have come to one runtime: as many as are free. */
export function seatListeners(
  state: MountState,
  request: SeatRequest,
  now: Millis,
  limits: MountLimits,
): { readonly state: MountState; readonly granted: Granted } {
  const { table, granted } = requestSeats(state.listeners, request, now, seatLimits(limits));
  return { state: withListeners(state, table, now, limits), granted };
}

/** Listeners of all runtimes that reported lately, or of all but one. */
export const listenerCount = (state: MountState, now: Millis, limits: MountLimits, but?: string): number =>
  seatsTaken(state.listeners, now, seatLimits(limits), but);

/** Runtimes that have listeners. */
export const listeningRuntimes = (state: MountState, now: Millis, limits: MountLimits): number =>
  runtimesSeated(state.listeners, now, seatLimits(limits));

/** The title in force at the live edge. */
export function currentTitle(state: Pick<MountState, "window" | "titleBefore">): Title | null {
  for (const segment of state.window.toReversed()) {
    const last = segment.titles.at(-1);
    if (last) return withoutPosition(last);
  }
  return state.titleBefore;
}

function claim(state: MountState, event: ClaimEvent, now: Millis, limits: MountLimits): Reduced {
  if (!mayClaim(state, event, now, limits)) return { state, reply: { kind: "in-use" } };
  const { ingest, source, credential, policy } = event;
  const epoch = epochOf(state.epoch + 1);
  const fresh = phaseOf(state, now) === "off";
  return {
    state: {
      ...state,
      epoch,
      holder: { epoch, ingest, source, sinceMs: now, seenMs: now, released: false, credential, policy },
      // Yesterday's broadcast is no burst for today's.
      window: fresh ? [] : state.window,
      titleBefore: fresh ? null : state.titleBefore,
      listenerPeak: fresh ? 0 : state.listenerPeak,
    },
    reply: {
      kind: "claimed",
      epoch,
      gapMs: fresh || state.window.length === 0 ? null : Math.max(0, now - state.edgeMs),
    },
  };
}

/** An ingest host knows its own sockets: when it claims again, whatever it had before is gone. */
function mayClaim(
  { holder, edgeMs }: MountState,
  { ingest, credential, takeover }: ClaimEvent,
  now: Millis,
  limits: MountLimits,
): boolean {
  if (!holder || holder.ingest === ingest || !holds(holder, now)) return true;
  // What plays while nobody else does makes way for any source that comes.
  if (isHouseCredential(holder.credential) && !isHouseCredential(credential)) return true;
  if (takeover !== "same-credentials") return takeover === "always";
  const heardMs = Math.max(edgeMs, holder.sinceMs);
  const stuck = now - heardMs > holder.policy.segmentMs + limits.stuckMs;
  return stuck && credential === holder.credential;
}

/** What the names of relays' logins begin with (`Claim.credential`), and those of AutoDJs. */
export const relayCredentialPrefix = "relay:";
export const autoDjCredentialPrefix = "autodj:";

/** Whether it is the station itself that plays: a relay of another server's stream, or an AutoDJ. Neither takes a mount from the other. */
export const isHouseCredential = (credential: string): boolean =>
  credential.startsWith(relayCredentialPrefix) || credential.startsWith(autoDjCredentialPrefix);

function hold(state: MountState, epoch: Epoch, now: Millis, released: boolean): Reduced {
  const { holder } = state;
  if (!holder || epoch !== holder.epoch) {
    const wasExpelled = holder?.expelledBy !== undefined && epoch === holder.epoch - 1;
    const by = wasExpelled ? { by: holder.expelledBy } : {};
    return { state, reply: { kind: "fenced", epoch: state.epoch, ...by } };
  }
  return {
    state: { ...state, holder: { ...holder, seenMs: now, released: released || holder.released } },
    reply: { kind: "ok" },
  };
}

/** For listeners it is as if the source had gone by itself. Without a source the state stays as it is. */
function expel(state: MountState, by: string, now: Millis): Reduced {
  const { holder } = state;
  if (!holder || !holds(holder, now)) return { state, reply: { kind: "ok" } };
  const epoch = epochOf(state.epoch + 1);
  return {
    state: { ...state, epoch, holder: { ...holder, epoch, seenMs: now, released: true, expelledBy: by } },
    reply: { kind: "ok" },
  };
}

function withGarbage({ state, reply }: Reduced, garbageBytes: number | undefined): Reduced {
  const { holder } = state;
  if (!holder || reply.kind !== "ok" || garbageBytes === undefined) return { state, reply };
  return { state: { ...state, holder: { ...holder, garbageBytes } }, reply };
}

function append(state: MountState, segment: SegmentRef, now: Millis, limits: MountLimits): MountState {
  const last = state.window.at(-1);
  // An announcement whose reply was lost comes again.
  if (last && comparePosition(segment, last) <= 0) return state;
  const window = [...state.window, segment];
  let { titleBefore } = state;
  let ms = 0;
  let bytes = 0;
  for (const kept of window) {
    ms += durationMs(kept);
    bytes += kept.bytes;
  }
  for (let oldest = window[0]; oldest; oldest = window[0]) {
    ms -= durationMs(oldest);
    bytes -= oldest.bytes;
    const enough = ms >= limits.windowMs && bytes >= limits.windowBytes;
    if (!enough && window.length <= limits.windowSegments) break;
    window.shift();
    const title = oldest.titles.at(-1);
    if (title) titleBefore = withoutPosition(title);
  }
  return { ...state, window, titleBefore, edgeMs: now };
}

function withListeners(
  state: MountState,
  listeners: SeatTable,
  now: Millis,
  limits: MountLimits,
): MountState {
  const next = { ...state, listeners };
  return { ...next, listenerPeak: Math.max(state.listenerPeak, listenerCount(next, now, limits)) };
}

const seatLimits = ({ reportTtlMs, reporters }: MountLimits) => ({ ttlMs: reportTtlMs, runtimes: reporters });

const holds = ({ released, seenMs, policy }: MountHolder, now: Millis): boolean =>
  !released && now - seenMs <= leaseMs(policy);

const withoutPosition = ({ text, url }: TitleMark): Title => (url === undefined ? { text } : { text, url });

/** What a runtime is told when it asks for what is newer than it has. Times are ages, so that no two clocks meet. */
export interface MountView {
  readonly mount: MountPath;
  readonly phase: MountPhase;
  readonly epoch: number;
  readonly source: SourceInfo | null;
  /** Segments newer than the asker's position, in order of play. */
  readonly segments: readonly SegmentRef[];
  /** Whether `segments` go on where the asker is: false when its position has left the window, or it has none. */
  readonly continues: boolean;
  /** The oldest segment that can still be had; null when there is none. */
  readonly oldest: Position | null;
  /** Title in force at the first sample of `segments`. */
  readonly titleBefore: Title | null;
  /** How long ago the newest segment was announced, ms. */
  readonly edgeAgeMs: number;
  /** For how long the source has brought nothing, ms: since the newest segment, or since it took the mount. */
  readonly silentMs: number;
  /** How long listeners stay with a source that brings nothing, ms. */
  readonly patienceMs: number;
  /** Relays of each region that further questions should go through, `relay.ts`; 0: none. */
  readonly relays: number;
  /** What the asker's listeners are ordered and it does not know, in order; an object of an earlier release orders nothing. */
  readonly orders?: readonly AgedOrder[];
}
