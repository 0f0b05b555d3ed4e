import type { EdgeStation } from "../../shared/edge-station.ts";
import { isThere } from "../../shared/playout.ts";
import type { MountPath } from "../../shared/units.ts";
import { encodeMountPath } from "../../shared/mount-path.ts";
import { stationOf } from "../directory.ts";
import { fileNotFound, forbidden, unavailable } from "../icecast-errors.ts";
import { logIn } from "../listener-auth/log-in.ts";
import { anybody, type Login } from "../listener-auth/login.ts";
import type { Host } from "../mount-feed.ts";
import { type Place, type PlaceRefusal, takePlace } from "../place.ts";
import { programmeOf } from "../programme.ts";
import { rulesOf } from "../station.ts";
import { endedListeners, goneAfterTargets, holdMs } from "./limits.ts";

/** A listener was heard of. */
export interface Touch {
  readonly id: string;
  /** How long ago, ms. */
  readonly ageMs: number;
  /** Sent to it since the last touch. */
  readonly bytes: number;
}

interface Session {
  readonly place: Place;
  /** Of `Date.now()`, as all times here. */
  heardMs: number;
  bytesSent: number;
  readonly endsMs: number;
  /** By an order, from another request, which must not do the object's work: its own gives the place back. */
  ordered: "end" | "move" | null;
}

interface Entrance {
  readonly mount: MountPath;
  readonly request: Request;
  /** It was let in before, and is only forgotten. */
  readonly isTrusted: boolean;
}

/** The listeners of one mount through HLS: each has a place as one who holds a connection has, until it is not heard of any more. */
export class HlsSessions {
  readonly #open = new Map<string, Session>();
  readonly #ended = new Set<string>();

  get size(): number {
    return this.#open.size;
  }

  touch(touches: readonly Touch[], now: number): { readonly refused: string[]; readonly unknown: string[] } {
    const refused: string[] = [];
    const unknown: string[] = [];
    for (const { id, ageMs, bytes } of touches) {
      const session = this.#open.get(id);
      if (session) {
        session.heardMs = Math.max(session.heardMs, now - ageMs);
        session.bytesSent += bytes;
      } else if (this.#ended.has(id)) refused.push(id);
      else unknown.push(id);
    }
    return { refused, unknown };
  }

  /** The reply to one who gets no place. */
  async enter(id: string, { mount, request, isTrusted }: Entrance, host: Host): Promise<Response | null> {
    if (this.#open.has(id)) return null;
    if (this.#ended.has(id)) return forbidden("this listener was ended");
    const station = await stationOf(host);
    const login = isTrusted ? anybody : await logIn(request, mount, station, host);
    if (login instanceof Response) return login;
    try {
      const place = await placeOf({ mount, request, isTrusted }, station, login, host);
      if (place instanceof Response) {
        login.end(host);
        return place;
      }
      this.#admit(id, place, login.maxMs ?? rulesOf(station, mount)?.maxListenerMs ?? station.maxListenerMs);
      return null;
    } catch (error) {
      login.end(host);
      throw error;
    }
  }

  /** Those who have gone, or may not stay any longer. */
  expire(targetSeconds: number, now: number): void {
    const goneMs = goneAfterTargets * targetSeconds * 1000 + holdMs;
    for (const [id, { heardMs, endsMs, ordered }] of this.#open) {
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
