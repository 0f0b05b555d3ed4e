import type { MountPath } from "../shared/units.ts";
import { isThere } from "../shared/playout.ts";
import type { EdgeStation, MountRules } from "../shared/edge-station.ts";
import { titleEncoding } from "../shared/title-encoding.ts";
import { isKnownMount } from "./directory.ts";
import { fileNotFound, forbidden, unavailable } from "./icecast-errors.ts";
import { fileIndexes } from "./file-indexes.ts";
import { firstSegmentWaitMs, maxBurstMs, maxFallbacks, mediaElementBurstBytes } from "./limits.ts";
import { logIn } from "./listener-auth/log-in.ts";
import type { Login } from "./listener-auth/login.ts";
import { openListenerStream } from "./listener-stream.ts";
import { clock } from "./isolate-clock.ts";
import type { Host } from "./mount-feed.ts";
import { type Place, takePlace } from "./place.ts";
import { type Programme, programmeOf } from "./programme.ts";
import { momentOf, rewound } from "./rewind/rewound.ts";
import { settledWithin } from "./settled-within.ts";
import { rulesOf } from "./station.ts";
import { Sleeper } from "./sleepers.ts";
import type { Stage } from "./stage.ts";
import { streamHeaders } from "./stream-headers.ts";

/**
 * `GET` and `HEAD` of a mount. Never a 206: a live stream has no ranges (Icecast 2.4.4 ignores them too; a 206 makes
 * ffmpeg and mpv seek to its end), and never cached. Who may listen is asked before whether there is anything to hear, as
 * Icecast does.
 */
export async function listen(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
): Promise<Response> {
  if (rulesOf(station, mount)?.noMount === true) return forbidden("mountpoint unavailable");
  const login = await logIn(request, mount, station, host);
  if (login instanceof Response) return login;
  // The listener may go at any moment, and what this request waits for then never comes.
  request.signal.addEventListener("abort", () => login.end(host));
  if (request.signal.aborted) login.end(host);
  try {
    const response = await admitted(request, mount, station, { host, login, depth: 0 });
    if (response.status !== 200 || request.method === "HEAD") login.end(host);
    return response;
  } catch (error) {
    login.end(host);
    throw error;
  }
}

interface Admitted {
  readonly host: Host;
  readonly login: Login;
  /** Mounts that were full before this one. */
  readonly depth: number;
}

async function admitted(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  { host, login, depth }: Admitted,
): Promise<Response> {
  const rules = rulesOf(station, mount);
  if (rules?.fallback === undefined && !(await isKnownMount(mount, host))) return fileNotFound();
  const metaint = metaintFor(request, rules?.metaint ?? station.metaint);
  const programme = await wishedFor(request, mount, station, metaint, host);
  if (programme instanceof Response) return programme;
  await refresh(programme, host);
  if (isOff(programme)) return absent(programme);
  if (request.method === "HEAD") {
    return new Response(null, { headers: streamHeaders(programme.home, station, metaint) });
  }
  const place = await takePlace(request, mount, station, login, host);
  if (place === "full" && rules?.fallbackWhenFull === true && rules.fallback?.kind === "mount") {
    const { mount: fallback } = rules.fallback;
    // As many fallbacks as a chain may have.
    const instead =
      depth < maxFallbacks
        ? await admitted(request, fallback, station, { host, login, depth: depth + 1 })
        : null;
    if (instead?.ok) return instead;
  }
  if (place === "full") return forbidden("max listeners reached");
  if (place === "too-many") return forbidden("too many listeners from your address");
  if (place === "unknown") return unavailable();
  request.signal.addEventListener("abort", () => place.leave());
  // It went while it waited for the place, and nobody says so again.
  if (request.signal.aborted) place.leave();
  try {
    return await seated(request, programme, station, host, { place, metaint, login });
  } catch (error) {
    place.leave();
    throw error;
  }
}

/** Of now, or of the moment that was asked for. */
function wishedFor(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  metaint: number,
  host: Host,
): Programme | Promise<Programme | Response> {
  const programme = programmeOf(mount, station);
  const moment = momentOf(request);
  const burst = moment && burstOf(request, rulesOf(station, mount), station, metaint);
  return burst ? rewound(moment, programme, burst, host) : programme;
}

/** The reply to a listener who has a place, which is given back when the stream ends or none begins. */
async function seated(
  request: Request,
  programme: Programme,
  station: EdgeStation,
  host: Host,
  { place, metaint, login }: { readonly place: Place; readonly metaint: number; readonly login: Login },
): Promise<Response> {
  const { home } = programme;
  await firstSegment(stageOf(programme), host, request.signal);
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
  const rules = rulesOf(station, home.mount);
  const stream = openListenerStream(
    programme,
    {
      intro: intro && segments ? { file: intro, segments } : null,
      metaint,
      encoding: titleEncoding(rules?.charset),
      session: place.session,
      ...burstOf(request, rules, station, metaint),
      // What somebody was granted goes before what holds for all, as in Icecast.
      maxMs: login.maxMs ?? rules?.maxListenerMs ?? station.maxListenerMs,
    },
    host,
    request.signal,
    () => place.leave(),
  );
  return new Response(stream, { headers: streamHeaders(home, station, metaint) });
}

/** Of a player that asks for titles, where the mount has any; 0: none. */
const metaintFor = ({ headers }: Request, metaint: number): number =>
  Number.parseInt(headers.get("Icy-MetaData") ?? "0", 10) ? metaint : 0;

/** What the mount falls back to is asked for only when it is needed. */
async function refresh(programme: Programme, host: Host): Promise<void> {
  const { stages, first } = programme;
  // Whether a mount that takes others over is there must be known now: only one that comes back later takes this listener.
  await Promise.all(stages.slice(0, first + 1).map((stage) => stage.refresh(host)));
  if (isThere(stageOf(programme))) return;
  await Promise.all(stages.slice(first + 1).map((stage) => stage.refresh(host)));
}

/** The mount itself, now or as it was. */
const stageOf = ({ home, stages, first }: Programme): Stage => stages[first] ?? home;

/** Nothing to hear on the mount and on all it falls back to. */
function isOff(programme: Programme): boolean {
  const mount = stageOf(programme);
  return (
    !isThere(mount) && mount.phase !== "live" && !programme.stages.slice(programme.first + 1).some(isThere)
  );
}

/** Players take 404 as final: it must be the mount's own word. */
const absent = ({ stages, first }: Programme): Response =>
  stages.slice(first).every(({ isCertain }) => isCertain) ? fileNotFound() : unavailable();

/** A source that has just connected has nothing in storage yet: the reply waits, as Icecast's does. */
async function firstSegment(feed: Stage, host: Host, signal: AbortSignal): Promise<void> {
  const deadline = clock.now() + firstSegmentWaitMs;
  const sleeper = new Sleeper(host);
  // Others may have nobody else who keeps watch.
  signal.addEventListener("abort", () => sleeper.leave());
  while (!signal.aborted && feed.window.length === 0 && feed.phase === "live" && clock.now() < deadline) {
    const leftMs = Math.min(deadline - clock.now(), feed.attend(host));
    // Also a timer of its own: without one the runtime takes a request that waits for others for dead.
    await settledWithin(sleeper.sleep(leftMs, [feed.bell]), leftMs);
  }
  sleeper.leave();
}

/**
 * Where a listener joins: as far behind live as it asks for, else as its mount says, else as the station. A burst in bytes
 * is that many at least, and for itself no time.
 */
function burstOf(
  request: Request,
  rules: MountRules | undefined,
  station: EdgeStation,
  metaint: number,
): { readonly behindMs: number; readonly leastBytes: number } {
  const asked = new URL(request.url).searchParams.get("burst");
  const seconds = asked === null || asked === "" ? Number.NaN : Number(asked);
  if (seconds >= 0) return { behindMs: Math.min(seconds * 1000, maxBurstMs), leastBytes: 0 };
  const ownBytes = rules?.burstBytes;
  return {
    behindMs: rules?.burstMs ?? (ownBytes === undefined ? station.burstMs : 0),
    leastBytes: Math.max(
      ownBytes ?? 0,
      wantsMediaElementBurst(request, metaint) ? mediaElementBurstBytes : 0,
    ),
  };
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
