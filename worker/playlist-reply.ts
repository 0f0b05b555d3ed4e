import type { Context } from "hono";
import type { EdgeStation } from "../shared/edge-station.ts";
import { encodeMountPath } from "../shared/mount-path.ts";
import { currentTitle } from "../shared/mount-state.ts";
import type { MountPath } from "../shared/units.ts";
import { directoryListing, isKnownMount, stationOf } from "./directory.ts";
import { fileNotFound, unavailable } from "./icecast-errors.ts";
import type { Host } from "./mount-feed.ts";
import { m3u, type Playlist, type PlaylistEntry, pls, vclt, xspf } from "./playlists.ts";
import { homeOf } from "./programme.ts";
import { replyHeaders } from "./reply-headers.ts";
import { type App, hostOf, publicOrigin } from "./request-host.ts";
import { listenersHere } from "./seat-desk.ts";
import { rulesOf } from "./station.ts";
import { sourceInfoOf } from "./stream-info.ts";

/** `/<mount>.m3u` and its like; `kind` is the ending. */
export async function playlistReply(
  context: Context<App>,
  mount: MountPath,
  kind: string,
): Promise<Response> {
  const playlist = await playlistOf(context, mount, kind);
  if (playlist instanceof Response) return playlist;
  return new Response(playlist.body, { headers: replyHeaders(playlist.contentType) });
}

async function playlistOf(
  context: Context<App>,
  mount: MountPath,
  kind: string,
): Promise<Playlist | Response> {
  const host = hostOf(context);
  // What admits the listener to the mount, a signature or a token, is in the query.
  const url = `${await publicOrigin(context)}${encodeMountPath(mount)}${new URL(context.req.url).search}`;
  if (kind === "m3u") return m3u(url);
  const station = await stationOf(host);
  const rules = rulesOf(station, mount);
  if (kind === "pls") return pls(url, rules?.stream?.name ?? station.name);
  if (rules?.hidden === true) return fileNotFound();
  const { mounts } = await directoryListing(host);
  const entry =
    mounts.find((candidate) => candidate.mount === mount) ?? (await ownWord(mount, station, host));
  if (entry === "unknown") return unavailable();
  if (!entry) return fileNotFound();
  const shown = { ...entry, source: sourceInfoOf(entry.source, rules) };
  return kind === "xspf" ? xspf(url, shown) : vclt(url, shown);
}

/**
 * Of a mount that the directory does not list: it may have been started anew a moment ago, or the mount waits for its
 * source and has listeners. Those of this isolate are told of then.
 */
async function ownWord(
  mount: MountPath,
  station: EdgeStation,
  host: Host,
): Promise<PlaylistEntry | "unknown" | null> {
  if (!(await isKnownMount(mount, host))) return null;
  const feed = homeOf(mount, station);
  await feed.refresh(host);
  if (feed.phase === "off" || !feed.source) return feed.isCertain ? null : "unknown";
  const title = currentTitle(feed);
  const listeners = listenersHere(mount);
  return { source: feed.source, listeners, listenerPeak: listeners, ...(title && { title: title.text }) };
}
