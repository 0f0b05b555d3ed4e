import type { Socket } from "node:net";
import type { Codec } from "../shared/codec/codec.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { BodyFraming } from "../shared/source/body-framing.ts";
import { ChunkedDecoder } from "../shared/source/chunked-decoder.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { MountPath } from "../shared/units.ts";
import { finish } from "./client-socket.ts";
import type { ClaimResult } from "./edge-client.ts";
import { feedBytes, handoverMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { MountTable, Reservation } from "./mount-table.ts";
import { type MountHolder, NoAudioError, SourceSession } from "./source-session.ts";

/** Grants mounts. */
interface MountGranter extends MountHolder {
  /** Takes the mount for this host, whose earlier claims it ends. Rejects when the edge gave no usable answer. */
  claim(claim: {
    readonly mount: MountPath;
    readonly ingest: string;
    readonly source: SourceInfo;
  }): Promise<ClaimResult>;
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

/** Why a source cannot have its mount. "edge-unavailable" passes; the others are final for the client. */
export type IntakeRefusal = "mount-in-use" | "too-many-sources" | "edge-unavailable";

/** A source that was let in. */
export interface Admission {
  readonly mount: MountPath;
  readonly info: SourceInfo;
}

/** What sources of every protocol have in common: taking the mount, then feeding it until the connection ends. */
export class SourceIntake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Puts the source on air, or says why not. The session's audio is `stream`'s to bring. */
  async admit({ mount, info }: Admission, socket: Socket): Promise<SourceSession | IntakeRefusal> {
    const { mounts, edge, codec, segmentMs } = this.#options;
    const log = this.#options.log.child({ mount, source: info.ip, protocol: info.protocol });
    const reservation = mounts.reserve(mount);
    if (typeof reservation === "string") return reservation;
    const claimed = await this.#claim(reservation, info, log);
    if (claimed === null || claimed.kind === "in-use") {
      reservation.free();
      return claimed === null ? "edge-unavailable" : "mount-in-use";
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

  async #claim(reservation: Reservation, source: SourceInfo, log: Log): Promise<ClaimResult | null> {
    const { edge, ingestId } = this.#options;
    // The new epoch fences the one before it: let that one's last segments be heard first.
    await reservation.publisher.drained(handoverMs);
    try {
      return await edge.claim({ mount: reservation.mount, ingest: ingestId, source });
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, "the mount could not be claimed");
      return null;
    }
  }

  /**
   * Feeds the session from the socket until the body or the connection ends, or the source is silent for too long.
   * `rest` is what of the body came with the head. Returns at once.
   */
  stream(socket: Socket, session: SourceSession, framing: BodyFraming, rest: Uint8Array): void {
    const { sourceTimeoutMs } = this.#options;
    const body = openBody(framing);
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    /** Nothing will follow what is held. */
    let closed = false;
    /** Read from the socket, not yet given to the session: it is far enough ahead. */
    let held = nothing;
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      // It was sent, so it is published, however far ahead.
      feed();
      clearTimeout(timer);
      socket.off("data", take);
      void session.end(reason);
      finish(socket);
    };
    const drop = (reason: string) => {
      held = nothing;
      end(reason);
    };
    const expectMore = () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(`silent for ${sourceTimeoutMs} ms`), sourceTimeoutMs);
    };
    const hold = (delayMs: number) => {
      socket.pause();
      clearTimeout(timer);
      timer = setTimeout(feed, delayMs);
    };
    const feed = () => {
      expectMore();
      try {
        while (held.length > 0) {
          const piece = held.subarray(0, feedBytes);
          held = held.subarray(piece.length);
          let delayMs = 0;
          for (const part of body.push(piece)) delayMs = session.push(part);
          if (body.done) return drop("the source ended its body");
          if (delayMs > 0 && !ended) return hold(delayMs);
        }
      } catch (error) {
        if (error instanceof NoAudioError || error instanceof ProtocolError) return drop(error.message);
        // A defect that one source's bytes bring out must not take the other sources off the air.
        this.#options.log.error({ mount: session.mount, err: error }, "source failed");
        return drop(reasonOf(error));
      }
      if (closed) end("the source closed its connection");
      else socket.resume();
    };
    const take = (chunk: Uint8Array) => {
      held = chunk;
      feed();
    };
    // Node tells the end of what it has read even while the socket is paused.
    socket.on("end", () => {
      closed = true;
      if (held.length === 0) end("the source closed its connection");
    });
    socket.on("close", () => end("the connection was lost"));
    socket.on("data", take);
    expectMore();
    socket.resume();
    if (rest.length > 0) take(rest);
    // Either event may have come while the mount was being claimed.
    closed ||= socket.destroyed || socket.readableEnded;
    if (closed && held.length === 0) end("the source closed its connection");
  }
}

const nothing: Uint8Array = new Uint8Array(0);

interface SourceBody {
  push(chunk: Uint8Array): readonly Uint8Array[];
  readonly done: boolean;
}

function openBody(framing: BodyFraming): SourceBody {
  if (framing.kind === "chunked") return new ChunkedDecoder();
  let remaining = framing.kind === "length" ? framing.bytes : Number.POSITIVE_INFINITY;
  return {
    push(chunk) {
      const part = chunk.subarray(0, remaining);
      remaining -= part.length;
      return [part];
    },
    get done() {
      return remaining === 0;
    },
  };
}
