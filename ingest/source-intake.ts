import type { Socket } from "node:net";
import type { IngestSettings } from "../config/ingest-settings.ts";
import type { Codec } from "../shared/codec/codec.ts";
import type { Claim, Hold } from "../shared/edge-api.ts";
import { isHouseCredential, type Takeover } from "../shared/mount-state.ts";
import type { BodyFraming } from "../shared/source/body-framing.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { MountPath } from "../shared/units.ts";
import type { DjTenure } from "./access/dj-tenure.ts";
import { rulesOfMount } from "./access/mount-rules.ts";
import type { SourceLogin } from "./credentials.ts";
import type { Dumps } from "./dump/dumps.ts";
import type { ClaimResult } from "./edge-client.ts";
import { handoverMs, heldAheadMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { MountHolder } from "./mount-hold.ts";
import type { MountTable, Reservation } from "./mount-table.ts";
import { SourceFeed } from "./source-feed.ts";
import type { SourceEvents } from "./source-events.ts";
import { SourceSession } from "./source-session.ts";

/** Grants mounts. */
interface MountGranter extends MountHolder {
  /** Takes the mount for this host, whose earlier claims it ends. Rejects when the edge gave no usable answer. */
  claim(claim: Claim): Promise<ClaimResult>;
}

export interface IntakeOptions {
  readonly mounts: MountTable;
  readonly edge: MountGranter;
  readonly codec: Codec;
  readonly ingestId: string;
  /** Rules of single mounts. */
  readonly rules: IngestSettings["mounts"];
  readonly limits: Pick<IngestSettings["limits"], "segmentMs" | "burstMs" | "graceMs" | "sourceTimeoutMs">;
  readonly events: SourceEvents;
  readonly dumps?: Pick<Dumps, "open">;
  readonly log: Log;
}

/**
 * Why a source cannot have its mount. "mount-in-use" and "too-many-sources" are final for the client, the others pass.
 * "mount-arriving": the same login is being let in on another connection, which may have gone already.
 * "mount-draining": the source on air has run ahead and is held back, and may have gone already.
 */
export type IntakeRefusal =
  | "mount-in-use"
  | "mount-arriving"
  | "mount-draining"
  | "too-many-sources"
  | "edge-unavailable";

/** A source that has logged in. */
export interface Admission {
  readonly mount: MountPath;
  readonly login: Pick<SourceLogin, "user" | "credential" | "tenure">;
  readonly info: SourceInfo;
}

/** What brings a source's audio: a connection, or this process itself. */
export interface SourceLine {
  /** A newer epoch has the mount: nothing more will be taken. */
  close(): void;
  /** Another source of this host has the mount: at once. */
  destroy(): void;
}

/** What sources of every protocol have in common: taking the mount, then feeding it until the connection ends. */
export class SourceIntake {
  readonly #options: IntakeOptions;
  /** Sources that wait for their mounts. */
  readonly #entering = new Set<Promise<unknown>>();
  #stopping = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Puts the source on air, or says why not. The session's audio is `stream`'s to bring, or the line's own. */
  async admit(admission: Admission, line: SourceLine): Promise<SourceSession | IntakeRefusal> {
    if (this.#stopping) return "edge-unavailable";
    const entering = this.#admit(admission, line);
    this.#entering.add(entering);
    try {
      return await entering;
    } finally {
      this.#entering.delete(entering);
    }
  }

  /** From now on nobody is admitted. Resolves when those on their way in have given their mounts back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled(this.#entering);
  }

  /**
   * Why a source cannot have a mount, as far as it is known on this host; null when it may try. A socket that is left
   * unread tells nothing of its end: of a source that is held back nobody knows whether it is there.
   */
  refusal({ mount, login }: Pick<Admission, "mount" | "login">): IntakeRefusal | null {
    const { mounts } = this.#options;
    const { credential } = login;
    const entering = mounts.entering(mount);
    if (entering !== null) {
      return entering === credential || isHouseCredential(entering) ? "mount-arriving" : "mount-in-use";
    }
    const session = mounts.session(mount);
    if (session === null) return null;
    // A relay and an AutoDJ are there until a source comes. Those look for themselves whether a mount is theirs to take.
    if (isHouseCredential(session.credential)) return null;
    const takeover = this.#takeover(mount);
    // Whose time is over need not have been closed yet when the next one comes.
    if (takeover === "always" || session.tenure?.isOver) return null;
    if (session.aheadMs >= heldAheadMs) return "mount-draining";
    if (takeover === "never") return "mount-in-use";
    return session.isStuck && session.credential === credential ? null : "mount-in-use";
  }

  async #admit(admission: Admission, line: SourceLine): Promise<SourceSession | IntakeRefusal> {
    const { mount, login, info } = admission;
    const { credential, user, tenure } = login;
    const { mounts, edge, codec, events, limits } = this.#options;
    const log = this.#options.log.child({ mount, source: info.ip, protocol: info.protocol });
    const refusal = this.refusal(admission);
    if (refusal !== null) {
      const aheadMs = Math.round(mounts.session(mount)?.aheadMs ?? 0);
      if (refusal === "mount-draining")
        log.warn({ aheadMs }, "the source on air has run ahead and is held back");
      return refusal;
    }
    const before = mounts.session(mount);
    const silentMs = before?.silentMs ?? 0;
    // In the same turn as the look at it: of several that come for a stuck one's mount, one gets it.
    const reservation = mounts.reserve(mount, credential);
    if (typeof reservation === "string") return reservation;
    // The new epoch fences the one before it: what that one has sent is to be heard first.
    before?.flush();
    const claimed = await this.#claim(reservation, admission, log);
    if (claimed === null || claimed.kind === "in-use") {
      reservation.free();
      return claimed === null ? "edge-unavailable" : "mount-in-use";
    }
    if (this.#stopping) {
      await this.#giveBack({ mount, epoch: claimed.epoch }, log);
      reservation.free();
      return "edge-unavailable";
    }
    const session = new SourceSession({
      reservation,
      epoch: claimed.epoch,
      codec,
      info,
      user,
      tenure,
      credential,
      segmentMs: limits.segmentMs,
      burstMs: limits.burstMs,
      // The end of the one before may have been announced only now, however long ago it came.
      gapMs: claimed.gapMs === null ? null : Math.max(claimed.gapMs, silentMs),
      holder: edge,
      events,
      dump: this.#options.dumps?.open(mount),
      log: log.child({ epoch: claimed.epoch }),
      onFenced: () => line.close(),
      onTakenOver: () => line.destroy(),
    });
    // Granted: until now it went on, as it does when nobody answers the claim. Its last goes before the first of this one.
    before?.takeOver();
    log.info({ epoch: claimed.epoch, user, name: info.name, userAgent: info.userAgent }, "source on air");
    events.emit({ kind: "connected", source: session, atMs: session.startedMs });
    if (tenure !== null) this.#watch(session, tenure, line);
    return session;
  }

  /** Ends the session with its tenure. Its last segment is what it has sent until then. */
  #watch(session: SourceSession, tenure: DjTenure, line: SourceLine): void {
    if (session.hasEnded) return;
    const inMs = tenure.look();
    if (inMs !== null) {
      setTimeout(() => this.#watch(session, tenure, line), Math.ceil(inMs)).unref();
      return;
    }
    void session.end(`the slot of ${session.user} is over`);
    line.close();
  }

  async #claim(
    { mount, publisher }: Reservation,
    { info, login }: Admission,
    log: Log,
  ): Promise<ClaimResult | null> {
    const { edge, ingestId, rules, limits } = this.#options;
    await publisher.drained(handoverMs);
    if (this.#stopping) return null;
    const graceMs = rulesOfMount(rules, mount).graceMs ?? limits.graceMs;
    try {
      return await edge.claim({
        mount,
        ingest: ingestId,
        source: info,
        credential: login.credential,
        // What plays while nobody else does takes no mount from a source, wherever that one is: at most from itself, stuck.
        takeover: isHouseCredential(login.credential) ? "same-credentials" : this.#takeover(mount),
        policy: { segmentMs: limits.segmentMs, graceMs },
      });
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, "the mount could not be claimed");
      return null;
    }
  }

  #takeover(mount: MountPath): Takeover {
    return rulesOfMount(this.#options.rules, mount).takeover ?? "same-credentials";
  }

  async #giveBack(hold: Hold, log: Log): Promise<void> {
    try {
      await this.#options.edge.release(hold);
    } catch (error) {
      // The mount's lease runs out by itself.
      log.warn({ reason: reasonOf(error) }, "the mount could not be given back");
    }
  }

  /**
   * Feeds the session from the socket until the body or the connection ends, or the source is silent for too long.
   * `rest` is what of the body came with the head. Returns at once.
   */
  stream(socket: Socket, session: SourceSession, framing: BodyFraming, rest: Uint8Array): void {
    const { log, rules, limits } = this.#options;
    const sourceTimeoutMs = rulesOfMount(rules, session.mount).sourceTimeoutMs ?? limits.sourceTimeoutMs;
    new SourceFeed({ socket, session, framing, sourceTimeoutMs, log }).start(rest);
  }
}
