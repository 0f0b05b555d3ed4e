import { parseRfc3339 } from "../../shared/rfc3339.ts";
import { type Millis, type MountPath, millis } from "../../shared/units.ts";
import { unavailable } from "../icecast-errors.ts";
import { CutDesk } from "./cut-desk.ts";
import { CutFile } from "./cut-file.ts";
import { maxCutMs } from "./file-limits.ts";
import { isoTime, streamName } from "./list.ts";
import type { NamedBroadcast } from "./reader.ts";
import { recordingReply } from "./recording-reply.ts";
import { type Asked, revalidated } from "./recordings.ts";
import { disposition, etagOf, refusal, wholeSeconds } from "./replies.ts";

/** `/archive/<mount>?from=…&to=…`: what was on air between two moments, as a file. */
export async function cut(mount: MountPath, asked: Asked): Promise<Response> {
  const { request, reader, host, done } = asked;
  const now = Date.now();
  const earliestMs = await reader.earliestMs(mount, host);
  const query = new URL(request.url).searchParams;
  const span = spanOf(query, { mount, now, earliestMs });
  if (typeof span === "string" || span.kind === "absent") {
    done();
    return typeof span === "string" ? refusal(400, span) : refusal(404, span.message);
  }
  const { fromMs, toMs } = span;
  const filter = { fromMs: millis(fromMs), toMs: millis(fromMs + 1), limit: 1 };
  const [broadcast] = (await reader.broadcasts(mount, filter, host)).broadcasts;
  const title = `${mount} ${isoTime(fromMs)} – ${isoTime(toMs)}`;
  const says = { title, recorded: isoTime(fromMs).slice(0, 19), ...ofStation(broadcast, asked) };
  const titleBefore = broadcast?.titles.findLast(({ wallMs }) => wallMs <= fromMs)?.text ?? "";
  const found = desk.enter(toMs - fromMs);
  if (!found) {
    done();
    return unavailable();
  }
  request.signal.addEventListener("abort", found);
  const file = await CutFile.open({ mount, fromMs, toMs }, says, titleBefore, { reader, host }).finally(
    found,
  );
  if (!file) {
    done();
    return refusal(404, `nothing of ${mount} was on air from ${isoTime(fromMs)} to ${isoTime(toMs)}`);
  }
  const about = {
    etag: await etagOf(JSON.stringify([file.version, file.size]), file.tag),
    lastModifiedMs: wholeSeconds(toMs),
    contentType: "audio/mpeg",
    cache: revalidated(asked),
    disposition: disposition("attachment", fileName(mount, fromMs)),
  };
  return recordingReply(request, file, about, done);
}

/** This isolate's. */
const desk = new CutDesk();

type SpanResult =
  | { readonly kind: "span"; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: "absent"; readonly message: string };

/** A text says what is wrong with the request. Without `to` it goes on until now. */
export function spanOf(
  query: URLSearchParams,
  {
    mount,
    now,
    earliestMs,
  }: { readonly mount: MountPath; readonly now: number; readonly earliestMs: Millis | null },
): string | SpanResult {
  const begins = earliestMs === null ? "" : `; the archive of ${mount} begins at ${isoTime(earliestMs)}`;
  const from = query.get("from");
  const to = query.get("to");
  const fromMs = parseRfc3339(from ?? "");
  const toMs = to === null ? now : parseRfc3339(to);
  if (fromMs === null)
    return `from must be a moment such as 2026-11-21T10:00:00Z, got ${shown(from)}${begins}`;
  if (toMs === null) return `to must be a moment such as 2026-11-21T11:00:00Z, got ${shown(to)}${begins}`;
  if (fromMs >= now) return `from must be in the past, got ${isoTime(fromMs)}${begins}`;
  if (fromMs >= toMs) return `from must be before to, got ${isoTime(fromMs)} and ${isoTime(toMs)}${begins}`;
  if (toMs - fromMs > maxCutMs) return `at most ${maxCutMs / 3_600_000} hours can be cut at once${begins}`;
  if (earliestMs === null) return { kind: "absent", message: `nothing of ${mount} is in the archive` };
  if (fromMs < earliestMs)
    return { kind: "absent", message: `nothing from ${isoTime(fromMs)} is kept${begins}` };
  return { kind: "span", fromMs, toMs: Math.min(toMs, now) };
}

const shown = (text: string | null): string => (text === null ? "none" : JSON.stringify(text.slice(0, 60)));

const ofStation = (
  broadcast: NamedBroadcast | undefined,
  { station }: Asked,
): { readonly artist: string; readonly album: string } => ({
  artist: broadcast ? streamName(broadcast, station) : station.name,
  album: station.name,
});

/** Without colons, which some systems have no files with. */
const fileName = (mount: MountPath, fromMs: number): string =>
  `${mount
    .slice(1)
    .replaceAll("/", "-")
    .replace(/\.mp3$/, "")} ${isoTime(fromMs).slice(0, 19).replaceAll(":", "-")}Z.mp3`;
