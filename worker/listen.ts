import type { MountPath } from "../shared/units.ts";
import { isThere } from "../shared/playout.ts";
import type { EdgeStation } from "../shared/edge-station.ts";
import { durationMs } from "../shared/segment.ts";
import { clientAddress, listenersByAddress } from "./client-address.ts";
import { isKnownMount } from "./directory.ts";
import { fileNotFound, forbidden, unavailable } from "./icecast-errors.ts";
import { fileIndexes } from "./file-indexes.ts";
import { firstSegmentWaitMs, maxBurstMs, maxFallbacks, mediaElementBurstBytes } from "./limits.ts";
import { openListenerStream } from "./listener-stream.ts";
import { clock } from "./isolate-clock.ts";
import type { Host, MountFeed } from "./mount-feed.ts";
import { type Programme, programmeOf } from "./programme.ts";
import { RecentListeners } from "./recent-listeners.ts";
import { replyHeaders } from "./reply-headers.ts";
import { takeSeat } from "./seat-desk.ts";
import { settledWithin } from "./settled-within.ts";
import { rulesOf } from "./station.ts";
import { Sleeper } from "./sleepers.ts";

/**
 * `GET` and `HEAD` of a mount. Never a 206: a live stream has no ranges (Icecast 2.4.4 ignores them too; a 206 makes
 * ffmpeg and mpv seek to its end), and never cached. `depth`: mounts that were full before this one.
 */
export async function listen(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
  depth = 0,
): Promise<Response> {
  const rules = rulesOf(station, mount);
  if (rules?.fallback === undefined && !(await isKnownMount(mount, host))) return fileNotFound();
  const programme = programmeOf(mount, station);
  await refresh(programme, host);
  if (isOff(programme)) return absent(programme);
  const metaint = Number.parseInt(request.headers.get("Icy-MetaData") ?? "0", 10) ? station.metaint : 0;
  if (request.method === "HEAD") {
    return new Response(null, { headers: streamHeaders(programme.home, station, metaint) });
  }
  const place = await takePlace(request, mount, station, host);
  if (place === "full" && rules?.fallbackWhenFull === true && rules.fallback?.kind === "mount") {
    // As many fallbacks as a chain may have.
    const instead =
      depth < maxFallbacks ? await listen(request, rules.fallback.mount, station, host, depth + 1) : null;
    if (instead?.ok) return instead;
  }
  if (place === "full") return forbidden("max listeners reached");
  if (place === "too-many") return forbidden("too many listeners from your address");
  if (place === "unknown") return unavailable();
  // The listener may go at any moment, and what this request waits for then never comes.
  request.signal.addEventListener("abort", () => place.leave());
  try {
    return await seated(request, programme, station, host, { place, metaint });
  } catch (error) {
    place.leave();
    throw error;
  }
}

/** The reply to a listener who has a place, which is given back when the stream ends or none begins. */
async function seated(
  request: Request,
  programme: Programme,
  station: EdgeStation,
  host: Host,
  { place, metaint }: { readonly place: Place; readonly metaint: number },
): Promise<Response> {
  const { home } = programme;
  await firstSegment(home, host);
  await refresh(programme, host);
  // The source may have gone while this one waited, and so may the listener.
  if (isOff(programme) || request.signal.aborted) {
    place.leave();
    return absent(programme);
  }
  const intro = place.returns ? null : programme.intro;
  const segments = intro && (await fileIndexes.segments(intro, host));
  if (request.signal.aborted) {
    place.leave();
    return absent(programme);
  }
  const stream = openListenerStream(
    programme,
    {
      intro: intro && segments ? { file: intro, segments } : null,
      metaint,
      behindMs: burstMs(new URL(request.url), station),
      leastBytes: wantsMediaElementBurst(request, metaint) ? mediaElementBurstBytes : 0,
      maxMs: rulesOf(station, home.mount)?.maxListenerMs ?? station.maxListenerMs,
    },
    host,
    request.signal,
    () => place.leave(),
  );
  return new Response(stream, { headers: streamHeaders(home, station, metaint) });
}

/** Of a User-Agent that tells listeners of one address apart; they come from the network and are remembered. */
const longestAgent = 200;

/** Who was here lately, on this isolate. */
const lately = new RecentListeners();

/** What a listener holds: a seat on the mount and in the station, one of its address's connections. */
interface Place {
  /** The same listener was here a moment ago. */
  readonly returns: boolean;
  leave(): void;
}

async function takePlace(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
): Promise<Place | "full" | "too-many" | "unknown"> {
  const rules = rulesOf(station, mount);
  const client = await clientAddress(request.headers, host.env);
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
  const named = rules?.intro !== undefined && client !== null;
  const name = named
    ? `${mount} ${client} ${request.headers.get("User-Agent")?.slice(0, longestAgent) ?? ""}`
    : null;
  const returns = name !== null && lately.has(name, clock.now());
  const note = (): void => {
    if (name !== null) lately.note(name, clock.now());
  };
  // A player whose connection was lost is back before anybody has noticed that it went.
  note();
  return {
    returns,
    leave() {
      leaveAddress();
      seat.leave(host);
      note();
    },
  };
}

/** What the mount falls back to is asked for only when it is needed. */
async function refresh({ home, stages, first }: Programme, host: Host): Promise<void> {
  // Whether a mount that takes others over is there must be known now: only one that comes back later takes this listener.
  await Promise.all(stages.slice(0, first + 1).map((stage) => stage.refresh(host)));
  if (isThere(home)) return;
  await Promise.all(stages.slice(first + 1).map((stage) => stage.refresh(host)));
}

/** Nothing to hear on the mount and on all it falls back to. */
const isOff = ({ home, stages, first }: Programme): boolean =>
  !isThere(home) && home.phase !== "live" && !stages.slice(first + 1).some(isThere);

/** Players take 404 as final: it must be the mount's own word. */
const absent = ({ stages, first }: Programme): Response =>
  stages.slice(first).every(({ isCertain }) => isCertain) ? fileNotFound() : unavailable();

/** A source that has just connected has nothing in storage yet: the reply waits, as Icecast's does. */
async function firstSegment(feed: MountFeed, host: Host): Promise<void> {
  const deadline = clock.now() + firstSegmentWaitMs;
  const sleeper = new Sleeper(host);
  while (feed.window.length === 0 && feed.phase === "live" && clock.now() < deadline) {
    const leftMs = Math.min(deadline - clock.now(), feed.attend(host));
    // Also a timer of its own: without one the runtime takes a request that waits for others for dead.
    await settledWithin(sleeper.sleep(leftMs, [feed.bell]), leftMs);
  }
  sleeper.leave();
}

function burstMs(url: URL, station: EdgeStation): number {
  const asked = url.searchParams.get("burst");
  const seconds = asked === null || asked === "" ? Number.NaN : Number(asked);
  return seconds >= 0 ? Math.min(seconds * 1000, maxBurstMs) : station.burstMs;
}

/**
 * Browsers name what a request is for (Fetch Metadata), but only over TLS and on their own machine; elsewhere a media
 * element is known as the browser that asks for a range, which page loads and scripts do not. None asks for ICY.
 */
function wantsMediaElementBurst(request: Request, metaint: number): boolean {
  const asked = new URL(request.url).searchParams.has("burst");
  if (metaint > 0 || asked) return false;
  const { headers } = request;
  const destination = headers.get("Sec-Fetch-Dest");
  if (destination !== null) return destination === "audio" || destination === "video";
  const isBrowser = headers.get("User-Agent")?.startsWith("Mozilla/") === true;
  return isBrowser && headers.get("Range")?.startsWith("bytes=0-") === true;
}

/**
 * As Icecast 2.4.4 orders them; only what the source sent appears, but for the bitrate, which is measured then, and the
 * name, which is the station's then: VLC asks for titles only where it sees `icy-name` or `icy-genre`.
 */
function streamHeaders(feed: MountFeed, station: Pick<EdgeStation, "name">, metaint: number): Headers {
  const { source } = feed;
  const headers = new Headers(replyHeaders("audio/mpeg"));
  const set = (name: string, value: string | undefined): void => {
    // Control characters would make the whole reply fail.
    if (value) headers.set(name, value.replace(/\p{Cc}/gu, " "));
  };
  set("icy-br", source?.bitrate ?? measuredBitrate(feed));
  set("ice-audio-info", source?.audioInfo);
  set("icy-description", source?.description);
  set("icy-genre", source?.genre);
  set("icy-name", source?.name || station.name);
  set("icy-pub", source?.public === undefined ? undefined : source.public ? "1" : "0");
  set("icy-url", source?.url);
  if (metaint > 0) headers.set("icy-metaint", String(metaint));
  return headers;
}

function measuredBitrate(feed: MountFeed): string | undefined {
  const newest = feed.window.at(-1);
  return newest && String(Math.round((newest.bytes * 8) / durationMs(newest)));
}
