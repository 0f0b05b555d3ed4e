import type { EdgeStation } from "../shared/edge-station.ts";
import type { MountPath } from "../shared/units.ts";
import { clientOf, listenersByAddress, seenAddress } from "./client-address.ts";
import { clock } from "./isolate-clock.ts";
import type { Login } from "./listener-auth/login.ts";
import type { Host } from "./mount-feed.ts";
import { RecentListeners } from "./recent-listeners.ts";
import type { SessionHandle } from "./roster/open-session.ts";
import { openSession } from "./roster/sessions.ts";
import { takeSeat } from "./seat-desk.ts";
import { rulesOf } from "./station.ts";

/** What a listener holds: a seat on the mount and in the station, one of its address's connections, its session, its login. */
export interface Place {
  readonly session: SessionHandle;
  /** The same listener was here a moment ago. */
  readonly returns: boolean;
  /** Gives all of it back; the first call counts. */
  leave(): void;
}

export type PlaceRefusal = "full" | "too-many" | "unknown";

/** `login` ends with the place; where there is none it stays the caller's. */
export async function takePlace(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  login: Login,
  host: Host,
): Promise<Place | PlaceRefusal> {
  const rules = rulesOf(station, mount);
  const from = await seenAddress(request.headers, host.env);
  const client = clientOf(from);
  const leaveAddress = listenersByAddress.enter(client, station.maxListenersPerAddress);
  if (!leaveAddress) return "too-many";
  const max = rules?.maxListeners ?? station.maxListeners;
  const seat = await takeSeat(mount, { max, maxInAll: station.maxListenersInAll }, host).catch(
    () => "unknown" as const,
  );
  if (seat === "full" || seat === "unknown") {
    leaveAddress();
    return seat;
  }
  const { user, client: id } = login;
  // Nothing is waited for with the seat in hand: a request that ends meanwhile would take it along.
  const session = openSession(mount, request, { from, user, id, seat }, host);
  const note = noteOf(request, mount, rules?.intro === undefined ? null : client);
  const returns = note.wasHere;
  // A player whose connection was lost is back before anybody has noticed that it went.
  note.again();
  let taken = true;
  return {
    session,
    returns,
    leave() {
      if (!taken) return;
      taken = false;
      leaveAddress();
      session.leave(host);
      seat.leave(host);
      login.end(host);
      note.again();
    },
  };
}

/** Of a User-Agent that tells listeners of one address apart; they come from the network and are remembered. */
const longestAgent = 200;

/** Who was here lately, on this isolate. */
const lately = new RecentListeners();

/** `client` null: it is not remembered. */
function noteOf(
  { headers }: Request,
  mount: MountPath,
  client: string | null,
): { readonly wasHere: boolean; again(): void } {
  if (client === null) return { wasHere: false, again: () => undefined };
  const name = `${mount} ${client} ${headers.get("User-Agent")?.slice(0, longestAgent) ?? ""}`;
  return { wasHere: lately.has(name, clock.now()), again: () => lately.note(name, clock.now()) };
}
