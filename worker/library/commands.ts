import { startMs } from "../../shared/library-schedule.ts";
import type { LibraryPlay } from "../../shared/library-span.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { stationOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { replyHeaders } from "../reply-headers.ts";
import { libraryOf } from "../station.ts";
import { libraryStageOf } from "./library-stage.ts";
import { mostNextPlays, usualNextPlays } from "./limits.ts";

/**
 * What plays on a mount and what comes next, in the same words as an AutoDJ's of an ingest host; `file` and `rotation` are
 * null, for a library does not keep them, and nothing can be queued.
 *
 *   GET now    {mount, onAir, format, playing, queued}
 *   GET next   {mount, next: [...]}    `count`, 10 unless said
 */
export async function libraryCommand(command: "now" | "next", url: URL, host: Host): Promise<Response> {
  const named = url.searchParams.get("mount") ?? "";
  if (named === "") return json(400, { error: "mount is missing" });
  const mount = mountOrNull(named);
  const library = mount && libraryOf(await stationOf(host), mount);
  if (!mount || !library) return json(404, { error: `${named} has no library` });
  const stage = libraryStageOf(library);
  await stage.know(host);
  const { play } = stage;
  if (command === "now") {
    return json(200, {
      mount,
      onAir: play !== null,
      format: play && `${play.sampleRate} ${play.channels === 1 ? "mono" : "stereo"}`,
      playing: play && {
        ...shown(play),
        startedAt: new Date(startMs(play)).toISOString(),
        positionSeconds: seconds(Date.now() - startMs(play)),
      },
      queued: 0,
    });
  }
  const count = url.searchParams.get("count") ?? String(usualNextPlays);
  if (!/^\d{1,3}$/.test(count) || Number(count) < 1 || Number(count) > mostNextPlays) {
    return json(400, { error: `count must be a number from 1 to ${mostNextPlays}` });
  }
  const next: LibraryPlay[] = [];
  for (let after = play; after && next.length <= Number(count); after = stage.after(after)) next.push(after);
  return json(200, { mount, next: next.slice(1).map(shown) });
}

const shown = ({ kind, track, sampleRate }: LibraryPlay) => ({
  id: track.id,
  file: null,
  kind,
  rotation: null,
  title: track.title,
  durationSeconds: seconds((track.samples * 1_000) / sampleRate),
});

const seconds = (ms: number): number => Math.round(ms) / 1_000;

const json = (status: number, body: object): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { ...replyHeaders("application/json; charset=utf-8"), "X-Content-Type-Options": "nosniff" },
  });
