import type { Socket } from "node:net";
import type { Codec } from "../shared/codec/codec.ts";
import type { Claim, Hold } from "../shared/edge-api.ts";
import type { BodyFraming } from "../shared/source/body-framing.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { MountPath } from "../shared/units.ts";
import { finish } from "./client-socket.ts";
import type { ClaimResult } from "./edge-client.ts";
import { handoverMs, heldAheadMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { MountTable, Reservation } from "./mount-table.ts";
import { SourceFeed } from "./source-feed.ts";
import { type MountHolder, SourceSession } from "./source-session.ts";

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
  readonly segmentMs: number;
  readonly sourceTimeoutMs: number;
  readonly log: Log;
}

/**
 * Why a source cannot have its mount. "edge-unavailable" and "mount-draining" pass; the others are final for the client.
 * "mount-draining": the source on air has run ahead and is held back, and may have gone already.
 */
export type IntakeRefusal = "mount-in-use" | "mount-draining" | "too-many-sources" | "edge-unavailable";

/** A source that was let in. */
export interface Admission {
  readonly mount: MountPath;
  readonly info: SourceInfo;
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

  /** Puts the source on air, or says why not. The session's audio is `stream`'s to bring. */
  async admit(admission: Admission, socket: Socket): Promise<SourceSession | IntakeRefusal> {
    if (this.#stopping) return "edge-unavailable";
    const entering = this.#admit(admission, socket);
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

  async #admit({ mount, info }: Admission, socket: Socket): Promise<SourceSession | IntakeRefusal> {
    const { mounts, edge, codec, segmentMs } = this.#options;
    const log = this.#options.log.child({ mount, source: info.ip, protocol: info.protocol });
    const reservation = mounts.reserve(mount);
    if (reservation === "mount-in-use") return this.#heldBy(mount, log);
    if (typeof reservation === "string") return reservation;
    const claimed = await this.#claim(reservation, info, log);
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
      protocol: info.protocol,
      segmentMs,
      holder: edge,
      log: log.child({ epoch: claimed.epoch }),
      onFenced: () => finish(socket),
    });
    log.info({ epoch: claimed.epoch, name: info.name, userAgent: info.userAgent }, "source on air");
    return session;
  }

  /** A socket that is left unread tells nothing of its end: of a source that is held back nobody knows whether it is there. */
  #heldBy(mount: MountPath, log: Log): IntakeRefusal {
    const aheadMs = this.#options.mounts.session(mount)?.aheadMs ?? 0;
    if (aheadMs < heldAheadMs) return "mount-in-use";
    log.warn({ aheadMs: Math.round(aheadMs) }, "the source on air has run ahead and is held back");
    return "mount-draining";
  }

  async #claim(reservation: Reservation, source: SourceInfo, log: Log): Promise<ClaimResult | null> {
    const { edge, ingestId } = this.#options;
    // The new epoch fences the one before it: let that one's last segments be heard first.
    await reservation.publisher.drained(handoverMs);
    if (this.#stopping) return null;
    try {
      return await edge.claim({
        mount: reservation.mount,
        ingest: ingestId,
        source,
        credential: "source",
        takeover: "same-credentials",
        policy: { segmentMs: this.#options.segmentMs, graceMs: 15_000 },
      });
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, "the mount could not be claimed");
      return null;
    }
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
    const { sourceTimeoutMs, log } = this.#options;
    new SourceFeed({ socket, session, framing, sourceTimeoutMs, log }).start(rest);
  }
}
