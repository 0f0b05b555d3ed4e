import type { EdgeStation } from "../../shared/edge-station.ts";
import { cueSheet } from "../../shared/cue.ts";
import type { MountPath } from "../../shared/units.ts";
import { fileNotFound } from "../icecast-errors.ts";
import type { Host } from "../mount-feed.ts";
import { rulesOf } from "../station.ts";
import { sourceInfoOf } from "../stream-info.ts";
import { type ArchiveAddress, archivePath, feedName, fileNameOf, mountArchivePath } from "./addresses.ts";
import { BroadcastFile, type FileTag, fileSize, tagOf, timesOf } from "./broadcast-file.ts";
import { type FeedItem, feedXml } from "./feed.ts";
import { feedItems, mountsAtOnce, settledFileSeconds } from "./file-limits.ts";
import { backfillMs } from "./limits.ts";
import { broadcastJson, streamName, titleOf } from "./list.ts";
import type { ArchiveReader, NamedBroadcast, Primer } from "./reader.ts";
import { recordingReply } from "./recording-reply.ts";
import { disposition, document, etagOf, wholeSeconds } from "./replies.ts";

/** What a request for a mount's archive comes with; whoever asks has been let in. */
export interface Asked {
  readonly request: Request;
  readonly station: EdgeStation;
  readonly reader: ArchiveReader;
  readonly host: Host;
  /** Scheme and host as whoever asks typed them. */
  readonly origin: string;
  /** Whether anybody may have it. */
  readonly isPublic: boolean;
  /** Called once, when nothing more is read for this request. */
  readonly done: () => void;
}

/** A broadcast's file, or its titles as a cue sheet or as JSON. */
export async function recording(
  { kind, mount, names }: Extract<ArchiveAddress, { readonly names: readonly string[] }>,
  asked: Asked,
): Promise<Response> {
  const { request, station, reader, host, done } = asked;
  const broadcast = await named(mount, names, asked);
  if (!broadcast) {
    done();
    return fileNotFound();
  }
  const primers = await primersOf(broadcast, reader, host);
  if (kind === "file") {
    const file = new BroadcastFile(broadcast, primers, fileTag(broadcast, station), { reader, host });
    const { bytes, segments, epochs, id } = broadcast;
    const content = [mount, id, epochs, bytes, segments, primers.map((primer) => primer.bytes.length)];
    const about = {
      etag: await etagOf(JSON.stringify(content), file.tag),
      lastModifiedMs: wholeSeconds(lastMs(broadcast)),
      contentType: "audio/mpeg",
      cache: cacheControl(broadcast, asked),
      disposition: disposition("inline", fileNameOf(broadcast.name)),
    };
    return recordingReply(request, file, about, done);
  }
  done();
  const about = { lastModifiedMs: lastMs(broadcast), cache: revalidated(asked) };
  if (kind === "json") {
    const body = JSON.stringify(broadcastJson(broadcast, station, asked.origin, primers));
    return document(request, body, { ...about, contentType: "application/json; charset=utf-8" });
  }
  const title = titleOf(broadcast);
  const sheet = cueSheet(
    { file: fileNameOf(broadcast.name), title, performer: streamName(broadcast, station) },
    timesOf(broadcast, primers).chapters,
  );
  const reply = await document(request, sheet, { ...about, contentType: "application/x-cue; charset=utf-8" });
  reply.headers.set("Content-Disposition", disposition("attachment", `${title}.cue`));
  return reply;
}

async function named(
  mount: MountPath,
  names: readonly string[],
  { reader, host }: Asked,
): Promise<NamedBroadcast | null> {
  for (const name of names) {
    const found = await reader.broadcast(mount, name, host);
    if (found) return found;
  }
  return null;
}

/** The podcast of a mount: what is over, the newest first. */
export async function feed(mount: MountPath, asked: Asked): Promise<Response> {
  const { request, station, reader, host, origin, done } = asked;
  const rules = rulesOf(station, mount);
  if (rules?.podcast !== true) {
    done();
    return fileNotFound();
  }
  const { broadcasts } = await reader.broadcasts(mount, { limit: feedItems }, host);
  const over = broadcasts.filter(({ endMs }) => endMs !== null);
  const items: FeedItem[] = [];
  for (let at = 0; at < over.length; at += mountsAtOnce) {
    const some = over.slice(at, at + mountsAtOnce);
    items.push(...(await Promise.all(some.map((broadcast) => itemOf(broadcast, asked)))));
  }
  done();
  const [newest] = broadcasts;
  const title = newest ? streamName(newest, station) : (rules.stream?.name ?? station.name);
  const info = newest?.source ? sourceInfoOf(newest.source, rules) : rules.stream;
  const body = feedXml({
    title,
    description: info?.description || station.description || title,
    link: `${origin}/archive/?${new URLSearchParams({ mount }).toString()}`,
    self: `${origin}${mountArchivePath(mount)}/${feedName}${new URL(request.url).search}`,
    author: station.name,
    category: "Music",
    items,
  });
  const lastModifiedMs = over[0] ? lastMs(over[0]) : 0;
  const contentType = "application/rss+xml; charset=utf-8";
  // The settings are in it as well: its name tells when it is another, not its time.
  return document(request, body, { contentType, lastModifiedMs, cache: revalidated(asked) });
}

async function itemOf(broadcast: NamedBroadcast, asked: Asked): Promise<FeedItem> {
  const { station, reader, host, origin, request } = asked;
  const { mount, id, name, startMs } = broadcast;
  const primers = await primersOf(broadcast, reader, host);
  const { durationMs, chapters } = timesOf(broadcast, primers);
  const tag = tagOf(broadcast, primers, fileTag(broadcast, station));
  return {
    title: titleOf(broadcast),
    description: chapters.map(({ text }) => text).join("\n") || streamName(broadcast, station),
    // What admits to the mount, a signature, is in the query.
    url: `${origin}${archivePath(mount, name)}${new URL(request.url).search}`,
    length: fileSize(broadcast, primers, tag),
    durationMs,
    startMs,
    guid: `skywave:${station.hostname}:${mount}:${id}`,
  };
}

const primersOf = async (
  broadcast: NamedBroadcast,
  reader: ArchiveReader,
  host: Host,
): Promise<readonly Primer[]> =>
  broadcast.joins.length === 0 ? [] : reader.primers(broadcast.mount, broadcast.id, host);

function fileTag(broadcast: NamedBroadcast, station: EdgeStation): FileTag {
  const { source, mount, startMs } = broadcast;
  return {
    title: titleOf(broadcast),
    artist: streamName(broadcast, station),
    album: station.name,
    genre: source ? sourceInfoOf(source, rulesOf(station, mount)).genre : undefined,
    recorded: new Date(startMs).toISOString().slice(0, 19),
  };
}

const lastMs = ({ startMs, endMs, durationMs }: NamedBroadcast): number => endMs ?? startMs + durationMs;

/** Of what may be another one the next time. */
export const revalidated = ({ isPublic }: Asked): string => (isPublic ? "no-cache" : "private, no-cache");

/** What was broadcast does not change, but segments may come late for a day. */
function cacheControl({ endMs }: NamedBroadcast, { isPublic }: Asked): string {
  if (endMs === null) return "no-store";
  const who = isPublic ? "public" : "private";
  return Date.now() - endMs > backfillMs
    ? `${who}, max-age=${settledFileSeconds}, immutable`
    : `${who}, no-cache`;
}
