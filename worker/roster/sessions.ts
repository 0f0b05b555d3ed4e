import type { ListenerSession } from "../../shared/listener-session.ts";
import { asksForProbe, SessionMemory, type SessionStay } from "../../shared/session-memory.ts";
import { type MountPath, millis } from "../../shared/units.ts";
import { seenAddress } from "../client-address.ts";
import { clock } from "../isolate-clock.ts";
import { endedSessions, sessionProbeMs, sessionResumeMs, sessionTextLength } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import type { Programme } from "../programme.ts";
import type { Seat } from "../seat-desk.ts";

/** What a session can have done with its stream, and wants to know of it. Any request may call these. */
export interface SessionStream {
  /** The stream ends as soon as its listener's request runs. */
  end(): void;
  /** The stream goes on with another programme, the connection as it is. */
  moveTo(programme: Programme): void;
  /** Of this connection so far. */
  readonly bytesSent: number;
  /** How often it fell out of the window because it was too slow. */
  readonly skips: number;
}

export interface SessionWish {
  /** Who logged in, where listeners do. */
  readonly user: string | null;
  /** Goes along when the listener is moved; whoever took it gives it back. */
  readonly seat?: Seat | undefined;
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

/**
 * Notes a listener of this isolate who has got a place. To be called when the place is taken; `leave` of what it returns
 * when the place is given back; `openListenerStream` attaches the stream when it is given the handle.
 */
export async function openSession(
  mount: MountPath,
  request: Request,
  wish: SessionWish,
  host: Host,
): Promise<SessionHandle> {
  const { address, byPlatform } = await seenAddress(request.headers, host.env);
  return new OpenSession(mount, request, { ...wish, address, byPlatform });
}

/** What is kept of a session over its connections. */
interface KeptSession {
  session: ListenerSession;
}

class OpenSession implements SessionHandle {
  readonly #stay: SessionStay<KeptSession>;
  #stream: SessionStream | null = null;
  #isOpen = true;

  constructor(
    mount: MountPath,
    request: Request,
    facts: SessionWish & { readonly address: string | null; readonly byPlatform: boolean },
  ) {
    const { headers, method, url, cf } = request;
    const { address, byPlatform, user } = facts;
    const userAgent = text(headers.get("User-Agent"));
    const key = address === null ? null : `${mount}\n${address}\n${userAgent}`;
    const country = byPlatform ? cf?.["country"] : null;
    const about = {
      mount,
      address,
      userAgent,
      referer: text(headers.get("Referer")),
      country: typeof country === "string" && /^[A-Z][A-Z0-9]$/.test(country) ? country : null,
      user,
      request: text(`${method} ${new URL(url).pathname} HTTP/1.1`),
    };
    this.#stay = memory.open(key, asksForProbe(headers.get("Range")), clock.now(), () => ({
      session: { ...about, id: randomId(), startedMs: millis(Date.now()) },
    }));
    const { id, startedMs } = this.#stay.kept.session;
    this.#stay.kept.session = { ...about, id, startedMs };
  }

  get session(): ListenerSession {
    return this.#stay.kept.session;
  }

  get resumes(): boolean {
    return this.#stay.resumes;
  }

  attach(stream: SessionStream): void {
    this.#stream = stream;
  }

  leave(_host: Host): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    memory.close(this.#stay, clock.now(), false);
  }
}

const memory = new SessionMemory<KeptSession>({
  resumeMs: sessionResumeMs,
  probeMs: sessionProbeMs,
  ended: endedSessions,
});

const text = (value: string | null): string => (value ?? "").slice(0, sessionTextLength);

/** 48 random bits: among a million listeners two have the same number once in 500 stations. */
function randomId(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high % 0x1_0000) * 0x1_0000_0000 + low;
}
