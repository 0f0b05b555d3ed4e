import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Codec } from "../../shared/codec/codec.ts";
import { declaredContentType, readSourceInfo } from "../../shared/source/source-headers.ts";
import type { MountPath } from "../../shared/units.ts";
import { Backoff } from "../backoff.ts";
import { lineOf, peerAddress } from "../client-socket.ts";
import { type Log, reasonOf } from "../log.ts";
import type { MountTable } from "../mount-table.ts";
import { SourceFeed } from "../source-feed.ts";
import type { SourceIntake } from "../source-intake.ts";
import { relayRetryFirstMs, relayRetryMaxMs, relaySteadyMs, relayYieldMs } from "../station-limits.ts";
import { dial, type Dialled, RelayError } from "./relay-dial.ts";
import { metaintOf, RelayFeed } from "./relay-feed.ts";
import { relayCredentialPrefix } from "../../shared/mount-state.ts";
import { type Relay, relayProtocol } from "./relay-settings.ts";
import { replyFraming, replyHeader } from "./reply-head.ts";

/** What a relay needs of the ingest it belongs to. */
export interface RelayHost {
  readonly intake: Pick<SourceIntake, "admit">;
  readonly mounts: Pick<MountTable, "isHeld">;
  readonly codec: Pick<Codec, "sourceContentTypes">;
  readonly sourceTimeoutMs: (mount: MountPath) => number;
  /** Ports of this machine on which the station itself answers. */
  readonly ownPorts: () => readonly number[];
  readonly userAgent: string;
  readonly log: Log;
  readonly timing?: Partial<RelayTiming>;
}

export interface RelayTiming {
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly steadyMs: number;
  readonly yieldMs: number;
}

const usualTiming: RelayTiming = {
  retryFirstMs: relayRetryFirstMs,
  retryMaxMs: relayRetryMaxMs,
  steadyMs: relaySteadyMs,
  yieldMs: relayYieldMs,
};

/** How an attempt ended: it was on air; another source has the mount; it could not be had. */
type Outcome =
  | { readonly kind: "ended"; readonly reason: string; readonly ms: number }
  | { readonly kind: "held" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * One relay, from when it is set up until it is taken away: keeps its mount on air whenever no other source has it and,
 * where it is on demand, somebody wants it. A source that comes takes the mount from it at once; it waits until that one has
 * gone.
 */
export class RelayRunner {
  readonly relay: Relay;
  readonly #host: RelayHost;
  readonly #timing: RelayTiming;
  readonly #stopped = new AbortController();
  #wanted: PromiseWithResolvers<void> | null = null;
  /** Called the next time that its stream is on the mount. */
  readonly #arrivals = new Set<() => void>();
  /** Ends the stream that is on air. */
  #leave: ((reason: string) => void) | null = null;
  #done: Promise<void> | null = null;

  constructor(relay: Relay, host: RelayHost) {
    this.relay = relay;
    this.#host = host;
    this.#timing = { ...usualTiming, ...host.timing };
    if (relay.onDemand) this.#wanted = Promise.withResolvers();
  }

  /** Its stream is on the mount. */
  get isOnAir(): boolean {
    return this.#leave !== null;
  }

  /** On demand, and nobody has asked. */
  get isIdle(): boolean {
    return this.#wanted !== null;
  }

  /** Resolves when its stream is on the mount, or after `patienceMs`. */
  arrival(patienceMs: number): Promise<void> {
    if (this.#leave) return Promise.resolve();
    return new Promise((resolve) => {
      // Of those who wait for a stream that never comes nothing is kept.
      const settle = () => {
        clearTimeout(timer);
        this.#arrivals.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, patienceMs).unref();
      this.#arrivals.add(settle);
    });
  }

  /** Who waits for it. */
  get waiting(): number {
    return this.#arrivals.size;
  }

  start(): void {
    this.#done ??= this.#run().catch((error: unknown) => {
      if (!this.#stopped.signal.aborted)
        this.#host.log.error({ mount: this.relay.mount, err: error }, "relay failed");
    });
  }

  /** Somebody listens. */
  want(): void {
    this.#wanted?.resolve();
    this.#wanted = null;
  }

  /** Nobody listens any more: of a relay on demand the stream is left until it is wanted again. */
  rest(): void {
    if (!this.relay.onDemand || this.#wanted !== null) return;
    this.#wanted = Promise.withResolvers();
    this.#leave?.("nobody listens");
  }

  /** For good. */
  async stop(reason = "the relay was taken away"): Promise<void> {
    this.#leave?.(reason);
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const { mount, url } = this.relay;
    const log = this.#host.log.child({ mount, from: shown(url) });
    const { retryFirstMs, retryMaxMs, steadyMs, yieldMs } = this.#timing;
    const backoff = new Backoff({ retryFirstMs, retryMaxMs });
    const stopped = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    while (!signal.aborted) {
      if (this.#wanted) await Promise.race([this.#wanted.promise, stopped]);
      if (signal.aborted) return;
      const outcome = await this.#attempt();
      if (signal.aborted) return;
      let waitMs = yieldMs;
      if (outcome.kind !== "held") {
        const steady = outcome.kind === "ended" && outcome.ms >= steadyMs;
        if (steady) backoff.succeed();
        const level = backoff.failures === 0 ? "warn" : "debug";
        if (!this.isIdle)
          log[level]({ reason: outcome.reason }, "the relayed stream is not there, trying on");
        const now = performance.now();
        backoff.fail(now);
        waitMs = backoff.retryAtMs - now;
      }
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #attempt(): Promise<Outcome> {
    const { mounts, ownPorts, userAgent } = this.#host;
    const { signal } = this.#stopped;
    const { relay } = this;
    if (mounts.isHeld(relay.mount)) return { kind: "held" };
    let dialled: Dialled | null = null;
    try {
      dialled = await dial(relay, { userAgent, ownPorts: ownPorts(), signal });
      return await this.#play(dialled);
    } catch (error) {
      return { kind: "failed", reason: reasonOf(error) };
    } finally {
      dialled?.socket.destroy();
    }
  }

  async #play({ socket, head, rest }: Dialled): Promise<Outcome> {
    const { intake, mounts, codec, sourceTimeoutMs, log } = this.#host;
    const { relay } = this;
    const { mount } = relay;
    const contentType = declaredContentType(head);
    if (contentType !== undefined && !codec.sourceContentTypes.includes(contentType)) {
      throw new RelayError(`content type ${contentType} is not supported`);
    }
    const encoding = replyHeader(head, "content-encoding")?.toLowerCase() ?? "identity";
    if (encoding !== "identity") throw new RelayError(`content encoding ${encoding} is not supported`);
    const framing = replyFraming(head);
    const metaint = metaintOf(replyHeader(head, "icy-metaint"));
    const info = readSourceInfo(head, { ip: peerAddress(socket), protocol: relayProtocol });
    // In the same turn as its admission: what has the mount is no relay's to take.
    if (mounts.isHeld(mount)) return { kind: "held" };
    const session = await intake.admit(
      { mount, login: { credential: credentialOf(relay), user: null, tenure: null }, info },
      lineOf(socket),
    );
    if (typeof session === "string") {
      if (session === "too-many-sources" || session === "edge-unavailable") throw new RelayError(session);
      return { kind: "held" };
    }
    const ended = Promise.withResolvers<string>();
    const startedMs = performance.now();
    const feed = new RelayFeed({ session, metaint, titles: relay.titles, onEnd: ended.resolve });
    this.#leave = (reason) => {
      void feed.end(reason);
      socket.destroy();
    };
    for (const arrived of this.#arrivals) arrived();
    new SourceFeed({ socket, session: feed, framing, sourceTimeoutMs: sourceTimeoutMs(mount), log }).start(
      rest,
    );
    // Either may have happened while the mount was being claimed.
    if (this.#stopped.signal.aborted) this.#leave("the relay was taken away");
    else if (this.isIdle) this.#leave("nobody listens");
    const reason = await ended.promise;
    this.#leave = null;
    return { kind: "ended", reason, ms: performance.now() - startedMs };
  }
}

/** The same on every ingest host that relays this stream to this mount. */
function credentialOf({ url, mount }: Relay): string {
  const name = createHash("sha256").update(`${mount}\0${url}`).digest("base64url");
  return relayCredentialPrefix + name.slice(0, 32);
}

/** An address without what may be secret in it. */
const shown = (url: string): string => {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
};
