import type { AgedOrder } from "../../shared/order-book.ts";
import { asksForProbe } from "../../shared/session-memory.ts";
import type { MountPath } from "../../shared/units.ts";
import type { SeenAddress } from "../client-address.ts";
import { rosterLookMs, sessionTextLength } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import {
  type About,
  keepRecords,
  open,
  OpenSession,
  renewReporters,
  type SessionFacts,
  type SessionHandle,
} from "./open-session.ts";

let renewedMs = 0;
let lookedMs = 0;

export interface SessionWish extends Omit<SessionFacts, "asksForProbe"> {
  readonly from: SeenAddress;
  /** Who logged in, where listeners do. */
  readonly user: string | null;
}

/**
 * Notes a listener of this isolate who has got a place. To be called when the place is taken; `leave` of what it returns
 * when the place is given back; `openListenerStream` attaches the stream when it is given the handle.
 */
export function openSession(
  mount: MountPath,
  request: Request,
  wish: SessionWish,
  host: Host,
): SessionHandle {
  const session = new OpenSession(aboutOf(mount, request, wish), {
    asksForProbe: asksForProbe(request.headers.get("Range")),
    seat: wish.seat,
    id: wish.id,
  });
  session.enter(host);
  return session;
}

/** Carries out what the listeners of a mount are ordered; `host` is that of any request that works. */
export function obeyOrders(mount: MountPath, orders: readonly AgedOrder[], host: Host): void {
  for (const { order, ageMs } of orders) {
    const { listener } = order;
    const here = open.get(mount);
    const meant = listener === null ? [...(here?.values() ?? [])] : [here?.get(listener)];
    for (const session of meant) {
      if (order.kind === "kill") session?.kill(host);
      else if (session?.isMeant(order, ageMs)) session.moveTo(order.to, host);
    }
  }
}

/** Mounts that have sessions here, when it is time to see that each of them is asked for orders; none at other times. */
export function mountsToAttend(): readonly MountPath[] {
  if (msSince(lookedMs) < rosterLookMs) return [];
  lookedMs = Date.now();
  return [...open.keys()];
}

/** Tells rosters what is due to be told. Costs nothing while nothing is. */
export function renewRosters(host: Host): void {
  if (msSince(renewedMs) < rosterLookMs) return;
  renewedMs = Date.now();
  keepRecords(host);
  renewReporters(host);
}

function aboutOf(
  mount: MountPath,
  { headers, method, url, cf }: Request,
  { from: { address, byPlatform }, user }: SessionWish,
): About {
  const country = byPlatform ? cf?.["country"] : null;
  return {
    mount,
    address,
    userAgent: text(headers.get("User-Agent")),
    referer: text(headers.get("Referer")),
    country: typeof country === "string" && /^[A-Z][A-Z0-9]$/.test(country) ? country : null,
    user: user === null ? null : text(user),
    request: text(`${method} ${new URL(url).pathname} HTTP/1.1`),
  };
}

const text = (value: string | null): string => (value ?? "").slice(0, sessionTextLength);
