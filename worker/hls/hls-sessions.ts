import type { EdgeStation } from "../../shared/edge-station.ts";
import { isThere } from "../../shared/playout.ts";
import type { MountPath } from "../../shared/units.ts";
import { encodeMountPath } from "../../shared/mount-path.ts";
import { isForAnybody } from "../access/listener-users.ts";
import { secretsOf, stationOf } from "../directory.ts";
import { fileNotFound, forbidden, unavailable } from "../icecast-errors.ts";
import { logIn } from "../listener-auth/log-in.ts";
import { anybody, type Login } from "../listener-auth/login.ts";
import type { Host } from "../mount-feed.ts";
import { type Place, type PlaceRefusal, takePlace } from "../place.ts";
import { programmeOf } from "../programme.ts";
import { rulesOf } from "../station.ts";
import { settledWithin } from "../settled-within.ts";
import { endedListeners, enterTimeoutMs, goneAfterTargets, holdMs, tokenMs } from "./limits.ts";

/** A listener was heard of. */
export interface Touch {
  readonly id: string;
  /** How long ago, ms. */
  readonly ageMs: number;
  /** Sent to it since the last touch. */
  readonly bytes: number;
  /** Target duration of the playlist that it was given, s: how often it asks. 0: it was given none. */
  readonly targetSeconds: number;
}

interface Session {
  readonly place: Place;
  /** Of `Date.now()`, as all times here. */
  heardMs: number;
  bytesSent: number;
  /** Of the playlist that it follows. */
  targetSeconds: number;
  readonly endsMs: number;
  /** By an order, from another request, which must not do the object's work: its own gives the place back. */
  ordered: "end" | "move" | null;
}

interface Entrance {
  readonly mount: MountPath;
  readonly request: Request;
  /** Until when its login is good, of `Date.now()`: it was let in before, and is only forgotten. Null: it is asked for one. */
  readonly trustedUntilMs: number | null;
}

/** The listeners of one mount through HLS: each has a place as one who holds a connection has, until it is not heard of any more. */
export class HlsSessions {
  readonly #open = new Map<string, Session>();
  readonly #ended = new Set<string>();
  /** A player asks for several things at once: all of them are one listener, who takes one place. */
  readonly #entering = new Map<string, Promise<unknown>>();

  get size(): number {
    return this.#open.size;
  }

  touch(touches: readonly Touch[], now: number): { readonly refused: string[]; readonly unknown: string[] } {
    const refused: string[] = [];
    const unknown: string[] = [];
    for (const { id, ageMs, bytes, targetSeconds } of touches) {
      const session = this.#open.get(id);
      if (session) {
        session.heardMs = Math.max(session.heardMs, now - ageMs);
        session.bytesSent += bytes;
        if (targetSeconds > 0) session.targetSeconds = targetSeconds;
      } else if (this.#ended.has(id)) refused.push(id);
      else unknown.push(id);
    }
    return { refused, unknown };
  }

  /** For how long its login is good, ms; the reply to one who gets no place. */
  async enter(id: string, entrance: Entrance, host: Host): Promise<number | Response> {
    for (;;) {
      if (this.#open.has(id)) return tokenMs;
      if (this.#ended.has(id)) return forbidden("this listener was ended");
      const before = this.#entering.get(id);
      if (!before) break;
      await settledWithin(before, enterTimeoutMs);
      // Whoever was first may have ended where it stood.
      if (this.#entering.get(id) === before) break;
    }
    const entering = this.#enter(id, entrance, host).finally(() => {
      if (this.#entering.get(id) === entering) this.#entering.delete(id);
    });
    this.#entering.set(id, entering);
    return entering;
  }

  async #enter(id: string, entrance: Entrance, host: Host): Promise<number | Response> {
    const { mount } = entrance;
    const station = await stationOf(host);
    const login = await loginOf(entrance, station, host);
    if (login instanceof Response) return login;
    try {
      const place = await placeOf(entrance, station, login, host);
      if (place instanceof Response) {
        login.end(host);
        return place;
      }
      // Who was waited for too long has come after all.
      if (this.#open.has(id)) place.leave();
      else this.#admit(id, place, login.maxMs ?? mostMs(mount, station));
      return Math.min(tokenMs, login.maxMs ?? tokenMs);
    } catch (error) {
      login.end(host);
      throw error;
    }
  }

  /** Those who have gone, or may not stay any longer. `liveSeconds`: target duration of the live playlist. */
  expire(liveSeconds: number, now: number): void {
    for (const [id, { heardMs, endsMs, ordered, targetSeconds }] of this.#open) {
      const goneMs = goneAfterTargets * Math.max(liveSeconds, targetSeconds) * 1000 + holdMs;
      if (now >= endsMs || ordered === "end") this.#end(id);
      else if (ordered === "move") this.#leave(id);
      // A clock that was set back makes nobody stay for ever.
      else if (now - heardMs > goneMs || heardMs - now > goneMs) this.#leave(id);
    }
  }

  leaveAll(): void {
    for (const id of this.#open.keys()) this.#leave(id);
  }

  #admit(id: string, place: Place, maxMs: number | undefined): void {
    const now = Date.now();
    const session: Session = {
      place,
      heardMs: now,
      bytesSent: 0,
      targetSeconds: 0,
      ordered: null,
      endsMs: maxMs === undefined ? Number.POSITIVE_INFINITY : now + maxMs,
    };
    this.#open.set(id, session);
    place.session.attach({
      end() {
        session.ordered = "end";
      },
      // It has the addresses of this mount's segments and no connection to hear others on: it is counted here anew.
      moveTo() {
        session.ordered ??= "move";
      },
      get bytesSent() {
        return session.bytesSent;
      },
      skips: 0,
    });
  }

  #end(id: string): void {
    this.#ended.add(id);
    const oldest = this.#ended.keys().next();
    if (this.#ended.size > endedListeners && !oldest.done) this.#ended.delete(oldest.value);
    this.#leave(id);
  }

  #leave(id: string): void {
    const session = this.#open.get(id);
    this.#open.delete(id);
    session?.place.leave();
  }
}

/** One who was let in is not asked again, and may stay for as long as its login is good: addresses of playlists are passed on. */
async function loginOf(
  { mount, request, trustedUntilMs }: Entrance,
  station: EdgeStation,
  host: Host,
): Promise<Login | Response> {
  const leftMs = trustedUntilMs === null ? 0 : trustedUntilMs - Date.now();
  if (leftMs <= 0 || !(await asksForLogin(mount, host))) return logIn(request, mount, station, host);
  return { ...anybody, maxMs: Math.min(leftMs, mostMs(mount, station) ?? leftMs) };
}

/** How long a listener may stay where its login does not say. */
const mostMs = (mount: MountPath, station: EdgeStation): number | undefined =>
  rulesOf(station, mount)?.maxListenerMs ?? station.maxListenerMs;

/** Whether not everybody may listen to a mount. */
async function asksForLogin(mount: MountPath, host: Host): Promise<boolean> {
  return !isForAnybody(await secretsOf(host).catch(() => null), mount);
}

/** A place on the mount where there is something to hear; else the reply, as to one who asks for the stream. */
async function placeOf(
  { mount, request }: Entrance,
  station: EdgeStation,
  login: Login,
  host: Host,
): Promise<Place | Response> {
  const { home, stages, first } = programmeOf(mount, station);
  await Promise.all(stages.slice(first).map((stage) => stage.refresh(host)));
  if (!isThere(home) && home.phase !== "live" && !stages.slice(first + 1).some(isThere)) {
    return stages.slice(first).every(({ isCertain }) => isCertain) ? fileNotFound() : unavailable();
  }
  const place = await takePlace(request, mount, station, login, host);
  return typeof place === "string" ? refusalOf(place, mount, station) : place;
}

function refusalOf(refusal: PlaceRefusal, mount: MountPath, station: EdgeStation): Response {
  const rules = rulesOf(station, mount);
  if (refusal === "full" && rules?.fallbackWhenFull === true && rules.fallback?.kind === "mount") {
    const location = `${encodeMountPath(rules.fallback.mount)}.m3u8`;
    return new Response(null, { status: 302, headers: { Location: location, "Cache-Control": "no-store" } });
  }
  if (refusal === "full") return forbidden("max listeners reached");
  if (refusal === "too-many") return forbidden("too many listeners from your address");
  return unavailable();
}
