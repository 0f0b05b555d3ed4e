import type { EdgeStation } from "../../shared/edge-station.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { comparePosition } from "../../shared/segment.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import { millis } from "../../shared/units.ts";
import type { Host } from "../mount-feed.ts";
import { rulesOf } from "../station.ts";
import { sourceInfoOf } from "../stream-info.ts";
import { archivePath, mountArchivePath, stemOf } from "./addresses.ts";
import { listedTitles, mountsAtOnce } from "./file-limits.ts";
import type { ArchiveReader, BroadcastPage, NamedBroadcast, Primer } from "./reader.ts";

export interface ListFilter {
  /** Broadcasts that have audio from then on... */
  readonly fromMs: number | null;
  /** ...and before then. */
  readonly toMs: number | null;
  readonly limit: number;
  /** The last one of the page before. */
  readonly after: ListPlace | null;
}

/** The place of a broadcast in a list: newest first, those that began at once by mount. */
export interface ListPlace {
  readonly startMs: number;
  readonly mount: MountPath;
  readonly id: Epoch;
}

export interface ListPage {
  readonly broadcasts: readonly NamedBroadcast[];
  /** Null on the last page. */
  readonly cursor: string | null;
}

/**
 * Of these mounts together; fewer than `limit` where they have very many titles. Rejects when the archive of one cannot be asked: a
 * list that lacks some is wrong.
 */
export async function listBroadcasts(
  mounts: readonly MountPath[],
  filter: ListFilter,
  { reader, host }: { readonly reader: Pick<ArchiveReader, "broadcasts">; readonly host: Host },
): Promise<ListPage> {
  let found: readonly NamedBroadcast[] = [];
  /** What comes after it is not known of all mounts, or left to the next page; null: there is nothing. */
  let end: ListPlace | null = null;
  for (let at = 0; at < mounts.length; at += mountsAtOnce) {
    const some = mounts.slice(at, at + mountsAtOnce);
    const lists = await Promise.all(some.map((mount) => ofMount(mount, filter, reader, host)));
    for (const { broadcasts, isAll } of lists) {
      const last = broadcasts.at(-1);
      if (!isAll && last && (!end || compare(last, end) < 0)) end = last;
    }
    const all = [...found, ...lists.flatMap(({ broadcasts }) => broadcasts)].toSorted(compare);
    const upTo: ListPlace | null = end;
    const known = upTo ? all.filter((each) => compare(each, upTo) <= 0) : all;
    found = known.slice(0, countOf(known, filter.limit));
    if (found.length < known.length) end = found.at(-1) ?? null;
  }
  const last = found.at(-1);
  return { broadcasts: found, cursor: end && last ? encodeCursor(last) : null };
}

/** How many of them are a page: at least one. */
function countOf(broadcasts: readonly Pick<NamedBroadcast, "titles">[], limit: number): number {
  let titles = 0;
  const tooMany = broadcasts.findIndex((each) => (titles += each.titles.length) > listedTitles);
  return Math.min(limit, tooMany < 0 ? limit : Math.max(1, tooMany));
}

interface MountList {
  /** In order; the first ones. */
  readonly broadcasts: readonly NamedBroadcast[];
  readonly isAll: boolean;
}

/** As many as its archive says in one reply. */
async function ofMount(
  mount: MountPath,
  { fromMs, toMs, limit, after }: ListFilter,
  reader: Pick<ArchiveReader, "broadcasts">,
  host: Host,
): Promise<MountList> {
  const before = Math.min(
    toMs ?? Number.MAX_SAFE_INTEGER,
    after ? after.startMs + 1 : Number.MAX_SAFE_INTEGER,
  );
  let cursor: string | null = null;
  for (;;) {
    const page: BroadcastPage = await reader.broadcasts(
      mount,
      {
        limit,
        ...(fromMs !== null && { fromMs: millis(fromMs) }),
        ...(before < Number.MAX_SAFE_INTEGER && { toMs: millis(before) }),
        ...(cursor !== null && { cursor }),
      },
      host,
    );
    ({ cursor } = page);
    const broadcasts = page.broadcasts.filter((broadcast) => !after || compare(after, broadcast) < 0);
    if (broadcasts.length > 0 || cursor === null) return { broadcasts, isAll: cursor === null };
  }
}

const compare = (a: ListPlace, b: ListPlace): number =>
  b.startMs - a.startMs || (a.mount < b.mount ? -1 : a.mount > b.mount ? 1 : b.id - a.id);

const encodeCursor = ({ startMs, id, mount }: ListPlace): string => `${startMs}.${id}.${mount}`;

/** Null for what is no cursor. */
export function parseCursor(text: string): ListPlace | null {
  const [, startMs, id, name = ""] = /^(\d{1,15})\.(\d{1,10})\.(.*)$/s.exec(text) ?? [];
  const mount = mountOrNull(name);
  return mount && { startMs: Number(startMs), id: Number(id) as Epoch, mount };
}

/** Those of the mounts that anybody may be told of, in order. */
export const listedMounts = (mounts: Iterable<MountPath>, station: EdgeStation): MountPath[] =>
  [...new Set(mounts)]
    .filter((mount) => {
      const rules = rulesOf(station, mount);
      return rules?.hidden !== true && rules?.noMount !== true;
    })
    .toSorted();

/**
 * As `/archive.json` has it. Times "At" are from the start, in the audio that is kept. With `primers`, as its track list has it:
 * what each join adds to the recording as well.
 */
export function broadcastJson(
  broadcast: NamedBroadcast,
  station: EdgeStation,
  origin: string,
  primers?: readonly Primer[],
): object {
  const { mount, name, startMs, endMs, bytes, durationMs, titles, joins, listenerPeak } = broadcast;
  const rules = rulesOf(station, mount);
  const source = broadcast.source && sourceInfoOf(broadcast.source, rules);
  return {
    mount,
    name,
    url: origin + archivePath(mount, name),
    cue: origin + archivePath(mount, name, "cue"),
    tracks: origin + archivePath(mount, name, "json"),
    start: isoTime(startMs),
    end: endMs === null ? null : isoTime(endMs),
    durationMs: Math.round(durationMs),
    bytes,
    titles: titles.map(({ atMs, text, url }) => ({
      atMs: Math.round(atMs),
      text,
      ...(url !== undefined && { url }),
    })),
    joins: joins.map((join) => ({
      kind: join.kind,
      atMs: Math.round(join.atMs),
      missingMs: Math.round(join.missingMs),
      ...(primers && added(primers.find((primer) => comparePosition(primer, join) === 0))),
    })),
    listenerPeak,
    stream: {
      name: streamName(broadcast, station),
      ...defined({ description: source?.description, genre: source?.genre, url: source?.url }),
    },
    ...(rules?.podcast === true && { feed: `${origin}${mountArchivePath(mount)}/feed.xml` }),
  };
}

/** Silence that a recording has at a join, so that nothing before it is reached back to: samples per channel. */
const added = (primer: Primer | undefined): { addedSamples: number; addedBytes: number } => ({
  addedSamples: primer?.samples ?? 0,
  addedBytes: primer?.bytes.length ?? 0,
});

/** What its source called it, or the station. */
export function streamName({ source, mount }: NamedBroadcast, station: EdgeStation): string {
  const rules = rulesOf(station, mount);
  return (source ? sourceInfoOf(source, rules).name : rules?.stream?.name) || station.name;
}

export const timeZoneOf = (mount: MountPath, station: EdgeStation): string =>
  rulesOf(station, mount)?.archiveTimeZone ?? station.timeZone;

export const isoTime = (ms: number): string => new Date(Math.round(ms)).toISOString();

/** What a recording is called where it is read: its file's name without the ending. */
export const titleOf = ({ name }: Pick<NamedBroadcast, "name">): string => stemOf(name);

const defined = (fields: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value ? [[name, value]] : [])));
