import type { EdgeStation } from "../../shared/edge-station.ts";
import { masterPlaylist, mediaPlaylist, playlistContentType } from "../../shared/hls-playlist.ts";
import { type HlsEntry, type HlsTimeline, lastOf, newestOf } from "../../shared/hls-timeline.ts";
import { encodeMountPath } from "../../shared/mount-path.ts";
import { parseRfc3339 } from "../../shared/rfc3339.ts";
import { comparePosition } from "../../shared/segment.ts";
import type { MountPath } from "../../shared/units.ts";
import { isForAnybody } from "../access/listener-users.ts";
import { archive } from "../archive/archive-reader.ts";
import { bytesRecording } from "../archive/recording.ts";
import { recordingReply } from "../archive/recording-reply.ts";
import { etagOf } from "../archive/replies.ts";
import { isKnownMount, secretsOf } from "../directory.ts";
import { fileNotFound, forbidden, unavailable } from "../icecast-errors.ts";
import { logIn } from "../listener-auth/log-in.ts";
import type { Host } from "../mount-feed.ts";
import { replyHeaders } from "../reply-headers.ts";
import { hasHls, rulesOf } from "../station.ts";
import { dvrPlaylist, dvrTargetSeconds } from "./dvr-playlist.ts";
import { hlsFeedOf, type HlsView } from "./hls-feed.ts";
import { entryName, type HlsPath, segmentsName } from "./hls-path.ts";
import { entryBytes, segmentsBytes } from "./hls-segments.ts";
import { maxDvrMs, passingSeconds, playlistMs, segmentSeconds, startBehindSeconds } from "./limits.ts";
import { newTokenId, readToken, signToken } from "./token.ts";

/**
 * `GET` and `HEAD` of what HLS has addresses for. The first playlist lets a listener in, as a mount's own address does, and hands
 * out its token; every other address has that and is no secret of anybody else's.
 */
export async function hlsReply(
  request: Request,
  path: HlsPath,
  station: EdgeStation,
  host: Host,
): Promise<Response> {
  const rules = rulesOf(station, path.mount);
  if (rules?.noMount === true) return forbidden("mountpoint unavailable");
  if (!hasHls(rules)) return fileNotFound();
  try {
    if (rules?.fallback === undefined && !(await isKnownMount(path.mount, host))) return fileNotFound();
    return await pathReply(request, path, station, host);
  } catch (error) {
    console.warn("hls request failed", path.mount, String(error));
    return unavailable();
  }
}

async function pathReply(
  request: Request,
  path: HlsPath,
  station: EdgeStation,
  host: Host,
): Promise<Response> {
  if (path.kind === "master") {
    return request.method === "HEAD"
      ? headReply(request, path.mount, station, host)
      : masterReply(request, path.mount, host);
  }
  const listener = await listenerOf(request, path.mount, host);
  if (listener instanceof Response) return listener;
  return path.kind === "media"
    ? mediaReply(request, path.mount, listener, host)
    : segmentReply(request, path, listener, host);
}

/** One who has shown a token of this mount. */
interface HlsListener {
  readonly id: string;
  readonly token: string;
  readonly view: HlsView;
}

const tokenParameter = "s";

async function listenerOf(request: Request, mount: MountPath, host: Host): Promise<HlsListener | Response> {
  const feed = hlsFeedOf(mount);
  const shown = new URL(request.url).searchParams.get(tokenParameter) ?? "";
  const view = await feed.view(host);
  if (!view) return unavailable();
  const token = view.key === null ? null : await readToken(mount, shown, view.key);
  if (!token) return forbidden("this address is not valid");
  const state = feed.stateOf(token.id);
  if (state === "refused") return forbidden("this listener was ended");
  if (state === "unknown") {
    const untilMs = token.expires * 1000;
    const entered = await host.env.HLS.getByName(mount).enter(mount, token.id, asked(request), untilMs);
    if (entered instanceof Response) return entered;
    feed.welcome(token.id);
  }
  return { id: token.id, token: shown, view };
}

async function masterReply(request: Request, mount: MountPath, host: Host): Promise<Response> {
  const from = await dvrFrom(request, mount, host);
  if (from instanceof Response) return from;
  const feed = hlsFeedOf(mount);
  const id = newTokenId();
  const entered = await host.env.HLS.getByName(mount).enter(mount, id, asked(request), null);
  if (entered instanceof Response) return entered;
  // What was known before may be from before anybody listened.
  feed.forget();
  const view = await feed.view(host);
  if (view?.key === undefined || view.key === null) return unavailable();
  const token = await signToken(mount, id, view.key, Date.now() + entered);
  const query = `?${tokenParameter}=${token}${from === null ? "" : `&from=${from}`}`;
  const url = `${encodeMountPath(mount)}/hls/index.m3u8${query}`;
  return playlistReply(request, masterPlaylist(url, ratesOf(view.timeline)));
}

/** What a GET would be answered, as far as that can be told without letting a listener in. */
async function headReply(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
): Promise<Response> {
  const login = await logIn(request, mount, station, host);
  if (login instanceof Response) return login;
  login.end(host);
  return playlistReply(request, "");
}

async function mediaReply(
  request: Request,
  mount: MountPath,
  { id, token, view }: HlsListener,
  host: Host,
): Promise<Response> {
  const suffix = `?${tokenParameter}=${token}`;
  const from = new URL(request.url).searchParams.get("from");
  const { targetSeconds } = view.timeline;
  const nowMs = Date.now();
  if (from !== null && !isDvrMoment(from, nowMs)) return plain(410, "this playlist is over");
  const text =
    from === null
      ? livePlaylist(view, mount, suffix)
      : await dvrPlaylist(mount, Number(from), { targetSeconds, suffix, nowMs }, host);
  const seconds = from === null ? targetSeconds : dvrTargetSeconds(targetSeconds);
  hlsFeedOf(mount).touch(id, text.length, seconds);
  return playlistReply(request, text);
}

/** One that a player may still ask for: the playlist goes on for `2 * maxDvrMs` and begins at most `maxDvrMs` before it is asked for. */
const isDvrMoment = (from: string, nowMs: number): boolean =>
  /^\d{1,15}$/.test(from) && Number(from) <= nowMs && Number(from) > nowMs - 3 * maxDvrMs;

function livePlaylist({ timeline, isEnded }: HlsView, mount: MountPath, suffix: string): string {
  const { entries, next, breaksBefore, targetSeconds } = newestOf(timeline, playlistMs);
  return mediaPlaylist({
    targetSeconds,
    mediaSequence: next - entries.length,
    discontinuitySequence: breaksBefore,
    type: null,
    startSeconds: -startBehindSeconds,
    isEnded,
    items: entries.map((entry) => ({
      url: nameOf(entry, mount) + suffix,
      title: entry.title?.text ?? "",
      durationMs: entry.durationMs,
      isBreak: entry.isBreak,
      startMs: entry.startMs,
    })),
  });
}

const nameOf = ({ content, number }: HlsEntry, mount: MountPath): string =>
  content.kind === "segment" && content.stage === mount
    ? segmentsName(
        { epoch: content.ref.epoch, first: content.ref.sequence, last: content.ref.sequence },
        content.primerSamples > 0,
      )
    : entryName(number);

async function segmentReply(
  request: Request,
  path: MediaPath,
  { id, view }: HlsListener,
  host: Host,
): Promise<Response> {
  const bytes = (await bytesOf(path, view, host)) ?? (await bytesSince(path, view, host));
  if (!bytes) return fileNotFound();
  const isOpen = isForAnybody(await secretsOf(host).catch(() => null), path.mount);
  const seconds = path.kind === "entry" ? passingSeconds : segmentSeconds;
  const reply = recordingReply(request, bytesRecording(bytes), {
    etag: await etagOf("", bytes),
    lastModifiedMs: null,
    contentType: "audio/mpeg",
    disposition: null,
    cache: `${isOpen ? "public" : "private"}, max-age=${seconds}, immutable`,
  });
  hlsFeedOf(path.mount).touch(id, Number(reply.headers.get("Content-Length") ?? 0));
  return reply;
}

type MediaPath = Extract<HlsPath, { readonly kind: "segments" | "entry" }>;
type Bytes = Uint8Array<ArrayBuffer>;

const bytesOf = (path: MediaPath, view: HlsView, host: Host): Promise<Bytes | null> =>
  path.kind === "entry" ? entryBytes(path, view, host) : segmentsBytes(path, view, host);

/** Of what is newer than all that this isolate knew: another one may have told of it a moment ago. */
async function bytesSince(path: MediaPath, { timeline }: HlsView, host: Host): Promise<Bytes | null> {
  if (!isAhead(path, timeline)) return null;
  const feed = hlsFeedOf(path.mount);
  feed.forget();
  const view = await feed.view(host);
  return view && !isAhead(path, view.timeline) ? bytesOf(path, view, host) : null;
}

function isAhead(path: MediaPath, timeline: HlsTimeline): boolean {
  if (path.kind === "entry") return path.number >= timeline.next;
  const last = lastOf(timeline, path.mount);
  return path.first === path.last && (!last || comparePosition(last, { ...path, sequence: path.first }) < 0);
}

/** Where `?dvr=SECONDS` or `?from=` (RFC 3339) begins, ms since the Unix epoch; null: live. The reply where that cannot be. */
async function dvrFrom(request: Request, mount: MountPath, host: Host): Promise<number | null | Response> {
  const { searchParams } = new URL(request.url);
  const [seconds, moment] = [searchParams.get("dvr"), searchParams.get("from")];
  if (seconds === null && moment === null) return null;
  const now = Date.now();
  const isSaid = moment !== null || /^\d{1,6}$/.test(seconds ?? "");
  const from = moment === null ? now - Number(seconds) * 1000 : parseRfc3339(moment);
  if (!isSaid || from === null)
    return plain(400, "dvr is a number of seconds, from a time as 2026-03-01T20:00:00Z");
  const earliest = Math.max((await archive.earliestMs(mount, host)) ?? now, now - maxDvrMs);
  // So many seconds are at most so many; a moment is meant.
  if (seconds !== null && moment === null) return Math.floor(Math.max(from, Math.min(earliest, now)));
  if (from > now) return plain(400, "that has not been on air yet");
  if (from < earliest) return plain(410, `the earliest moment is ${new Date(earliest).toISOString()}`);
  return Math.floor(from);
}

function ratesOf({ entries }: HlsTimeline): { readonly peak: number; readonly average: number } {
  const refs = entries.flatMap(({ content }) => (content.kind === "segment" ? [content.ref] : []));
  const rates = refs.map(({ bytes, samples, sampleRate }) => (bytes * 8 * sampleRate) / samples);
  // What a tag adds to 2 s, with a long title.
  const tags = 2_000;
  if (rates.length === 0) return { peak: 320_000, average: 128_000 };
  return {
    peak: Math.max(...rates) + tags,
    average: rates.reduce((sum, rate) => sum + rate, 0) / rates.length + tags,
  };
}

/** A listener's request as its mount's object gets it. */
const asked = ({ url, headers, cf }: Request): Request =>
  new Request(url, { headers, ...(cf === undefined ? {} : { cf }) });

function playlistReply({ method }: Request, text: string): Response {
  const headers = { "Content-Type": playlistContentType, "Cache-Control": "no-cache, private" };
  return new Response(method === "HEAD" ? null : text, { headers });
}

const plain = (status: number, text: string): Response =>
  new Response(`${text}\n`, { status, headers: replyHeaders("text/plain; charset=utf-8") });
