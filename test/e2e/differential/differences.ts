import type { Difference } from "./compare.ts";

/** Where Skywave answers otherwise than Icecast 2.4.4, and why. Each must occur: what is alike does not stand here. */
export interface KnownDifference {
  readonly request: string | RegExp;
  readonly part: string | RegExp;
  readonly why: string;
}

export const known: readonly KnownDifference[] = [
  // Everywhere.
  {
    request: /./,
    part: "header access-control-expose-headers",
    why: "scripts in browsers read the stream's name, its bitrate and the interval of its metadata",
  },
  {
    request: /./,
    part: "header content-length",
    why: "the edge knows the length of what it sends; Icecast says it of some replies",
  },
  {
    request: /^(?:source|SHOUTcast|mount in use|admin\.cgi|metadata|STATS)/,
    part: "header x-robots-tag",
    why: "the station's own headers are for listeners: what the ingest host itself answers to sources has Icecast's fixed ones",
  },
  {
    request: /^(?:listener|hidden: listener$|url: let in)/,
    part: "header icy-br",
    why: "once, and measured where the source does not say; Icecast sends it twice when ice-audio-info has it too",
  },
  {
    request: /^(?:hidden: listener$|url: let in)/,
    part: "header icy-name",
    why: "VLC asks for titles only where it sees a name: the mount's from the settings, else the station's",
  },
  // Sources.
  {
    request: "source: text/html",
    part: /./,
    why: "only MP3 can be put on the air; Icecast takes anything and sends it on",
  },
  {
    request: /^(?:source: mount without a slash|a line of garbage|DELETE)$/,
    part: /./,
    why: "an answer tells a person what is wrong; Icecast closes without a word",
  },
  {
    request: "OPTIONS",
    part: /./,
    why: "browsers ask before they send Icy-MetaData; Icecast closes without a word",
  },
  { request: "HEAD of a mount", part: /./, why: "players and monitors use HEAD; Icecast refuses it" },
  // Titles and administration.
  {
    request: "metadata: POST",
    part: /./,
    why: "what changes something is asked for by POST; Icecast knows GET alone",
  },
  { request: "streamlist.txt by the admin", part: /./, why: "administrators may do everything" },
  {
    request: /^buildm3u/,
    part: /^header content-disposition/,
    why: "Icecast writes an equals sign where the colon belongs, so that no client sees the header",
  },
];

export const explains = ({ request, part }: KnownDifference, difference: Difference): boolean =>
  matches(request, difference.request) && matches(part, difference.part);

const matches = (pattern: string | RegExp, text: string): boolean =>
  typeof pattern === "string" ? pattern === text : pattern.test(text);
