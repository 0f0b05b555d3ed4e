import type { MountPath } from "../shared/units.ts";
import { isOnAir, isThere } from "../shared/playout.ts";
import type { EdgeStation } from "../shared/edge-station.ts";
import { durationMs } from "../shared/segment.ts";
import { isKnownMount } from "./directory.ts";
import { fileNotFound, forbidden, unavailable } from "./icecast-errors.ts";
import { storedSegments } from "./file-stage.ts";
import { firstSegmentWaitMs, maxBurstMs, maxFallbacks, mediaElementBurstBytes } from "./limits.ts";
import { openListenerStream } from "./listener-stream.ts";
import type { Host, MountFeed } from "./mount-feed.ts";
import { type Programme, programmeOf } from "./programme.ts";
import { replyHeaders } from "./reply-headers.ts";

/**
 * `GET` and `HEAD` of a mount. Never a 206: a live stream has no ranges (Icecast 2.4.4 ignores them too; a 206 makes
 * ffmpeg and mpv seek to its end), and never cached.
 */
export async function listen(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
  depth = 0,
): Promise<Response> {
  const rules = station.mounts[mount];
  if (rules?.fallback === undefined && !(await isKnownMount(mount, host))) return fileNotFound();
  const programme = programmeOf(mount, station);
  const feed = programme.home;
  await refresh(programme, host);
  const max = rules?.maxListeners ?? station.maxListeners;
  const refused = refusal(programme, max);
  if (refused) {
    const next = rules?.fallbackWhenFull === true && !isOff(programme) ? rules.fallback : undefined;
    // As many fallbacks as a chain may have.
    if (next?.kind !== "mount" || depth >= maxFallbacks) return refused;
    return listen(request, next.mount, station, host, depth + 1);
  }
  const metaint = Number.parseInt(request.headers.get("Icy-MetaData") ?? "0", 10) ? station.metaint : 0;
  if (request.method === "HEAD") {
    return new Response(null, { headers: streamHeaders(feed, station, metaint) });
  }
  await firstSegment(feed, host);
  // Others may have come, and the source may have gone, while this one waited.
  const refusedNow = refusal(programme, max);
  if (refusedNow) return refusedNow;
  const { intro } = programme;
  const segments = intro && (await storedSegments(intro, host.env));
  const stream = openListenerStream(
    programme,
    {
      intro: intro && segments && { file: intro, segments },
      metaint,
      behindMs: burstMs(new URL(request.url), station),
      leastBytes: wantsMediaElementBurst(request, metaint) ? mediaElementBurstBytes : 0,
    },
    host,
    request.signal,
  );
  return new Response(stream, { headers: streamHeaders(feed, station, metaint) });
}

/** What the mount falls back to is asked for only when it is needed. */
async function refresh({ home, stages }: Programme, host: Host): Promise<void> {
  await home.refresh(host);
  if (isThere(home)) return;
  await Promise.all(stages.filter((stage) => stage !== home).map((stage) => stage.refresh(host)));
}

/** Nothing to hear on the mount and on all it falls back to. */
const isOff = ({ home, stages, first }: Programme): boolean =>
  !isThere(home) && home.phase !== "live" && !stages.slice(first + 1).some(isOnAir);

function refusal(programme: Programme, max: number | undefined): Response | null {
  const feed = programme.home;
  // Players take 404 as final: it must be the mount's own word.
  if (isOff(programme)) return feed.isCertain ? fileNotFound() : unavailable();
  if (max === undefined || feed.listeners + feed.listenersElsewhere < max) return null;
  return forbidden("max listeners reached");
}

/** A source that has just connected has nothing in storage yet: the reply waits, as Icecast's does. */
async function firstSegment(feed: MountFeed, host: Host): Promise<void> {
  const deadline = Date.now() + firstSegmentWaitMs;
  while (feed.window.length === 0 && feed.phase === "live" && Date.now() < deadline)
    await feed.wait(host, deadline - Date.now());
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
