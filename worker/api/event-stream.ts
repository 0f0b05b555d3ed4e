import type { EventId } from "../../shared/station-events.ts";
import { AddressCount } from "../client-address.ts";
import { followedListing, followEvents, knownStation } from "../directory.ts";
import { libraryStatuses } from "../library/library-statuses.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { StuckWatch } from "../stuck-listener.ts";
import { EventFollower } from "./event-follower.ts";
import {
  eventHeartbeatMs,
  eventPollMs,
  eventRetryMs,
  maxEventClients,
  maxEventClientsPerAddress,
} from "./limits.ts";

let clients = 0;

const addresses = new AddressCount();

/** Whether this isolate takes another client, and one of this address. */
export function hasRoomForEvents(address: string | null): boolean {
  const leave = addresses.enter(address, maxEventClientsPerAddress);
  leave?.();
  return leave !== null && clients < maxEventClients;
}

export const eventClients = (): number => clients;

/**
 * The station's events for one client, without an end. Pull-driven with nothing buffered ahead: a slow client has one
 * piece of text of ours, and what it misses meanwhile is told when it asks for more.
 */
export function openEventStream(
  wish: { readonly after: EventId | null; readonly hidden: boolean; readonly address: string | null },
  host: Host,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const follower = new EventFollower(wish.after, wish.hidden);
  const encoder = new TextEncoder();
  let open = true;
  let unfollow: (() => void) | null = null;
  let close: () => void = () => undefined;
  let preamble = `retry: ${eventRetryMs}\n\n`;
  let sentMs = Date.now();
  const watch = new StuckWatch(() => {
    leave();
    close();
  });

  const enter = (): void => {
    // Not before somebody reads: of a reply to HEAD nobody does, nor says so.
    if (unfollow) return;
    clients++;
    const end = followEvents();
    const leaveAddress = addresses.enter(wish.address, undefined);
    unfollow = () => {
      clients--;
      leaveAddress?.();
      end();
    };
  };
  const leave = (): void => {
    if (!open) return;
    open = false;
    watch.stop();
    unfollow?.();
  };
  signal.addEventListener("abort", leave);

  const next = async (): Promise<string | null> => {
    for (;;) {
      const listing = await followedListing(host);
      if (!open) return null;
      const station = knownStation(host.env);
      const libraries = await libraryStatuses(station, host);
      if (!open) return null;
      const news = preamble + follower.next({ ...listing, libraries, station });
      preamble = "";
      if (news !== "") return news;
      // Whoever waits must learn that the connection is there, and so must what stands between.
      if (msSince(sentMs) >= eventHeartbeatMs) return ":\n\n";
      await scheduler.wait(eventPollMs);
      if (!open) return null;
    }
  };

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        close = () => controller.close();
      },
      async pull(controller) {
        if (!open) return;
        enter();
        watch.asked();
        // Without a directory there is nothing to tell: the client comes again.
        const text = await next().catch(() => null);
        if (!open) return;
        if (text === null) {
          leave();
          return controller.close();
        }
        sentMs = Date.now();
        watch.given();
        controller.enqueue(encoder.encode(text));
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}
