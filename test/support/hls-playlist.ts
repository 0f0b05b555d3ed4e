/**
 * A reader of HLS playlists that takes nothing for granted: every rule of RFC 8216 that a playlist of ours comes near is checked, and
 * every tag has to be a known one. Throws an Error that names the rule.
 */
export interface ReadPlaylist {
  readonly targetSeconds: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly type: string | null;
  readonly isEnded: boolean;
  readonly segments: readonly ReadSegment[];
}

export interface ReadSegment {
  readonly number: number;
  readonly discontinuities: number;
  readonly isBreak: boolean;
  readonly seconds: number;
  readonly title: string;
  readonly uri: string;
  /** ms since the Unix epoch, counted on where the playlist does not say it. */
  readonly dateMs: number;
}

export interface ReadMaster {
  readonly uri: string;
  readonly bandwidth: number;
  readonly codecs: string;
}

export function readMaster(text: string): ReadMaster {
  const lines = linesOf(text);
  const [first, version, info = "", uri = "", ...more] = lines;
  ensure(first === "#EXTM3U", "§4.3.1.1: the first line is #EXTM3U");
  ensure(/^#EXT-X-VERSION:\d+$/.test(version ?? ""), "§4.3.1.2: EXT-X-VERSION");
  ensure(more.length === 0, "one variant and nothing else");
  const [, attributes = ""] = /^#EXT-X-STREAM-INF:(.+)$/.exec(info) ?? [];
  const bandwidth = Number(/(?:^|,)BANDWIDTH=(\d+)(?:,|$)/.exec(attributes)?.[1]);
  ensure(bandwidth > 0, "§4.3.4.2: BANDWIDTH is required");
  const codecs = /(?:^|,)CODECS="([^"]+)"/.exec(attributes)?.[1] ?? "";
  ensure(uri !== "" && !uri.startsWith("#"), "§4.3.4.2: a URI line follows EXT-X-STREAM-INF");
  return { uri, bandwidth, codecs };
}

const headTags = [
  "VERSION",
  "TARGETDURATION",
  "MEDIA-SEQUENCE",
  "DISCONTINUITY-SEQUENCE",
  "PLAYLIST-TYPE",
  "START",
];

export function readMedia(text: string): ReadPlaylist {
  const lines = linesOf(text);
  ensure(lines[0] === "#EXTM3U", "§4.3.1.1: the first line is #EXTM3U");
  const head = new Map<string, string>();
  const segments: ReadSegment[] = [];
  let inf: { readonly seconds: number; readonly title: string } | null = null;
  let isBreak = false;
  let date: number | null = null;
  let isEnded = false;
  for (const line of lines.slice(1)) {
    ensure(!isEnded, "nothing of ours follows EXT-X-ENDLIST");
    if (!line.startsWith("#")) {
      ensure(inf !== null, "§4.3.2.1: EXTINF is required for each segment");
      const last = segments.at(-1);
      segments.push({
        number: Number(head.get("MEDIA-SEQUENCE") ?? 0) + segments.length,
        discontinuities:
          (last?.discontinuities ?? Number(head.get("DISCONTINUITY-SEQUENCE") ?? 0)) + (isBreak ? 1 : 0),
        isBreak,
        seconds: inf?.seconds ?? 0,
        title: inf?.title ?? "",
        uri: line,
        dateMs: date ?? (last ? last.dateMs + last.seconds * 1000 : Number.NaN),
      });
      [inf, isBreak, date] = [null, false, null];
      continue;
    }
    const [, seconds, title = ""] = /^#EXTINF:(\d+\.\d+),(.*)$/.exec(line) ?? [];
    if (seconds !== undefined) {
      ensure(inf === null, "one EXTINF for a segment");
      inf = { seconds: Number(seconds), title };
    } else if (line === "#EXT-X-DISCONTINUITY") isBreak = true;
    else if (line === "#EXT-X-ENDLIST") isEnded = true;
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) {
      const said = line.slice(25);
      ensure(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(said),
        `§4.3.2.6: a date with its zone, got ${said}`,
      );
      date = Date.parse(said);
    } else {
      const [, name = "", value = ""] = /^#EXT-X-([A-Z-]+):(.+)$/.exec(line) ?? [];
      ensure(headTags.includes(name), `an unknown tag: ${line}`);
      ensure(!head.has(name), `§4.3.3: no more than one ${name}`);
      ensure(segments.length === 0 && inf === null, `§4.3.3: ${name} comes before the first segment`);
      if (/^[A-Z-]*(VERSION|DURATION|SEQUENCE)$/.test(name))
        ensure(/^\d+$/.test(value), `an integer in ${name}`);
      head.set(name, value);
    }
  }
  ensure(inf === null && !isBreak, "tags of a segment are followed by it");
  const targetSeconds = Number(head.get("TARGETDURATION"));
  ensure(targetSeconds > 0, "§4.3.3.1: EXT-X-TARGETDURATION is required");
  for (const { seconds, number } of segments) {
    ensure(
      Math.round(seconds) <= targetSeconds,
      `§4.3.3.1: ${number} lasts ${seconds} of ${targetSeconds} s`,
    );
  }
  return {
    targetSeconds,
    mediaSequence: Number(head.get("MEDIA-SEQUENCE") ?? 0),
    discontinuitySequence: Number(head.get("DISCONTINUITY-SEQUENCE") ?? 0),
    type: head.get("PLAYLIST-TYPE") ?? null,
    isEnded,
    segments,
  };
}

/** What §6.2.2 lets a server change between two times that a playlist is read. */
export function ensureUpdate(before: ReadPlaylist, after: ReadPlaylist): void {
  ensure(after.targetSeconds === before.targetSeconds, "§6.2.2: the target duration stays");
  ensure(after.mediaSequence >= before.mediaSequence, "§6.2.2: the media sequence number never falls");
  ensure(
    after.discontinuitySequence >= before.discontinuitySequence,
    "§6.2.2: nor does that of discontinuities",
  );
  const last = after.segments.at(-1)?.number ?? after.mediaSequence - 1;
  ensure(
    last >= (before.segments.at(-1)?.number ?? 0),
    "§6.2.2: segments are removed from the beginning only",
  );
  const known = new Map(before.segments.map((segment) => [segment.number, segment]));
  for (const segment of after.segments) {
    const same = known.get(segment.number);
    if (!same) continue;
    ensure(same.uri === segment.uri, `§6.2.2: ${segment.number} is ${segment.uri} and was ${same.uri}`);
    ensure(
      same.discontinuities === segment.discontinuities,
      `${segment.number} has another discontinuity sequence`,
    );
    ensure(same.seconds === segment.seconds, `${segment.number} lasts as long as before`);
    ensure(Math.abs(same.dateMs - segment.dateMs) < 5, `${segment.number} has another date`);
  }
}

function linesOf(text: string): string[] {
  ensure(!text.startsWith("\uFEFF"), "§4.1: no byte order mark");
  ensure(text.endsWith("\n"), "the last line is a whole one");
  const lines = text.slice(0, -1).split("\n");
  for (const line of lines) ensure(line !== "" && !/[\r\p{Cc}]/u.test(line), "§4.1: no control characters");
  return lines;
}

function ensure(holds: boolean, rule: string): void {
  if (!holds) throw new Error(rule);
}
