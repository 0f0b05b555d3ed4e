import type { MountStatus } from "../shared/mount-status.ts";

/** What a playlist tells of its mount. */
export type PlaylistEntry = Pick<MountStatus, "source" | "title" | "listeners" | "listenerPeak">;

/** The body of a playlist file with its Content-Type. */
export interface Playlist {
  readonly contentType: string;
  readonly body: string;
}

/** `url` is the mount's, absolute and encoded: it goes in as it is. As Icecast 2.4.4. */
export const m3u = (url: string): Playlist => ({
  contentType: "audio/x-mpegurl",
  body: `${oneLine(url)}\r\n`,
});

/** Icecast has no .pls; SHOUTcast's form, which its players expect. Length -1: a live stream. */
export const pls = (url: string, title: string): Playlist => ({
  contentType: "audio/x-scpls",
  body: [
    "[playlist]",
    "NumberOfEntries=1",
    `File1=${oneLine(url)}`,
    `Title1=${oneLine(title)}`,
    "Length1=-1",
    "Version=2",
    "",
  ].join("\r\n"),
});

/** As Icecast 2.4.4: a line of the annotation is there when its value is. */
export function xspf(url: string, { source, ...mount }: PlaylistEntry): Playlist {
  const lines = [
    ["Stream Title: ", source.name || "Unspecified name"],
    ["Stream Description: ", source.description || "Unspecified description"],
    ["Content Type:", source.contentType],
    ["Bitrate: ", source.bitrate],
    ["Current Listeners: ", String(mount.listeners)],
    ["Peak Listeners: ", String(mount.listenerPeak)],
    ["Stream Genre: ", source.genre || "various"],
  ] as const;
  const annotation = lines.flatMap(([label, value]) => (value ? [label + value] : [])).join("\n");
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<playlist xmlns="http://xspf.org/ns/0/" version="1">
  <title/>
  <creator/>
  <trackList>
    <track>
      ${element("location", url)}
      ${element("title", mount.title ?? "")}
      ${element("annotation", annotation)}${source.url ? `\n      ${element("info", source.url)}` : ""}
    </track>
  </trackList>
</playlist>
`;
  return { contentType: "application/xspf+xml; charset=UTF-8", body };
}

/** VocalTec's playlist, as Icecast 2.4.4. */
export const vclt = (url: string, { source, title }: PlaylistEntry): Playlist => ({
  contentType: "audio/x-vclt; charset=UTF-8",
  body: [
    `STREAMURL=${oneLine(url)}`,
    ...(title ? [`TITLE=${oneLine(title)}`] : []),
    `SERVER_NAME=${oneLine(source.name || "Unspecified name")}`,
    `DESCRIPTION=${oneLine(source.description || "Unspecified description")}`,
    "SIGNALINFO=",
    `GENRE=${oneLine(source.genre || "various")}`,
    "==",
    "",
  ].join("\n"),
});

/** These formats know no escape: a line break would begin a new entry. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, " ");

const element = (name: string, text: string): string =>
  text === "" ? `<${name}/>` : `<${name}>${escapeXml(text)}</${name}>`;

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" };

/** Text of an element. Characters that XML 1.0 does not allow become U+FFFD. */
export const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>\r]/g, (found) => entities[found] ?? found);
