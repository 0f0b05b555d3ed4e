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
    request:
      /^(?:source|SHOUTcast|mount in use|admin\.cgi|metadata|STATS|odd: (?:HTTP\/|an? (?:folded )?header|a space))/,
    part: "header x-robots-tag",
    why: "the station's own headers are for listeners: what the ingest host itself answers to sources, and to heads that cannot be read, has Icecast's fixed ones",
  },
  {
    request: /^(?:listener|hidden: listener$|url: let in|fallback: a new)/,
    part: "header icy-br",
    why: "once, and measured where the source does not say; Icecast sends it twice when ice-audio-info has it too",
  },
  {
    request: /^(?:hidden: listener$|url: let in|fallback: a new)/,
    part: "header icy-name",
    why: "VLC asks for titles only where it sees a name: the mount's from the settings, else the station's",
  },
  {
    request: /./,
    part: "header content-security-policy",
    why: "pages and errors load and run nothing that is not ours",
  },
  // What Icecast closes without a word.
  {
    request:
      /^(?:source: mount without a slash|source: audiocast|DELETE|a line of garbage|odd: (?:no version|lower-case version|a tab|an asterisk|CONNECT|TRACE|a command with two slashes))$/,
    part: "no answer",
    why: "a 400 tells a person what is wrong",
  },
  {
    request:
      /^(?:odd|file): (?:an encoded slash|a step up|an encoded step up|backslashes|a bad escape|half an escape|two slashes|a mount with two slashes|status with two slashes|an empty line first|absolute form|a head of 5,000 bytes)$/,
    part: "no answer",
    why: "a 404: there is no such mount, however the request is spelled",
  },
  {
    request: /^odd: a step (?:up inside|that stays)$/,
    part: "no answer",
    why: "dots inside a path are resolved, as browsers do before they ask: it is the mount",
  },
  {
    request: "OPTIONS",
    part: "no answer",
    why: "browsers ask before they send Icy-MetaData",
  },
  // Sources.
  {
    request: "source: text/html",
    part: /./,
    why: "only MP3 can be put on the air; Icecast takes anything and sends it on",
  },
  {
    request: "source: an administrative path",
    part: /./,
    why: "nobody could listen to it: the server answers this name itself",
  },
  {
    request: /^(?:HEAD of a mount|file: HEAD)$/,
    part: /./,
    why: "players and monitors use HEAD; Icecast refuses it",
  },
  // Files.
  {
    request: /^file: /,
    part: /^header (?:cache-control|expires|pragma|last-modified|etag|accept-ranges|x-content-type-options)$/,
    why: "files may be kept, and are asked about again; Icecast forbids to keep them",
  },
  {
    request: /^file: (?:style\.css|an alias|a query|encoded)$/,
    part: "header content-type",
    why: "texts are UTF-8, and say so",
  },
  {
    request: "file: the first two bytes",
    part: /^(?:header content-range|body)$/,
    why: "a range ends where it was asked to; Icecast sends the rest of the file",
  },
  { request: "file: the last ten bytes", part: /./, why: "Icecast does not know ranges from the end" },
  {
    request: "file: behind its end",
    part: "header content-range",
    why: "RFC 9110: a 416 says how long the file is",
  },
  {
    request: /^file: (?:another unit|no range|two parts)$/,
    part: /./,
    why: "RFC 9110: a range that is not understood is ignored",
  },
  { request: "file: the folder itself", part: /./, why: "the station's page is there" },
  // Fallbacks and limits.
  {
    request: "fallback: listmounts after",
    part: "body",
    why: "a listener is counted on the mount he asked for, where its limit counts him and he goes back to",
  },
  {
    request: "too many clients",
    part: "body",
    why: "listeners are limited, not connections: sources, pages and administrators still get in",
  },
  // Titles and administration.
  {
    request: "metadata: POST",
    part: /./,
    why: "what changes something is asked for by POST; Icecast knows GET alone",
  },
  {
    request: "admin.cgi: no song",
    part: /^(?:status|body)$/,
    why: "as for /admin/metadata, of both servers: an update of nothing is none",
  },
  {
    request: "admin.cgi: with a mount",
    part: /^(?:status|body)$/,
    why: "an update that names its mount is for that one: there may be several SHOUTcast sources",
  },
  {
    request: "title: an apostrophe before a semicolon",
    part: "body",
    why: "players end the title there: the apostrophe becomes a typographic one",
  },
  { request: "title: a line break", part: "body", why: "a title is one line: the break becomes a space" },
  {
    request: /^(?:listed )?title: (?:.*declared)$/,
    part: "body",
    why: "titles are UTF-8 for all, whatever they came in; Icecast sends Latin-1 unless <charset> says otherwise, with references like &#50504; for what that lacks",
  },
  {
    request: "title: a song after an artist",
    part: "body",
    why: "a title is what this update says; Icecast keeps the artist of an earlier one and puts it before the song",
  },
  { request: "streamlist.txt by the admin", part: /./, why: "administrators may do everything" },
  {
    request: /^buildm3u/,
    part: /^header content-disposition/,
    why: "Icecast writes an equals sign where the colon belongs, so that no client sees the header",
  },
  // What no client sends that was made for it.
  {
    request: /^odd: HTTP\/(?:0\.9 by name|2\.0)$/,
    part: /^(?:status|body)$/,
    why: "HTTP/1.0 and HTTP/1.1 are spoken; Icecast takes any number for one of them",
  },
  {
    request: /^odd: (?:a folded header|a header without a (?:colon|name)|a space before the colon)$/,
    part: /^(?:status|body)$/,
    why: "a head that two servers could read in two ways is refused",
  },
  {
    request: "odd: a NUL",
    part: /./,
    why: "a name with a NUL is none; Icecast takes what stands before it",
  },
  {
    request: "odd: an unknown page",
    part: "body",
    why: "there are no stylesheets that could fail to be read",
  },
  {
    request: /^odd: status, (?:a mount twice|a bad escape)$/,
    part: "body",
    why: "the first of two counts, and what is no escape stands for itself; Icecast takes the last and drops what it cannot read",
  },
  {
    request: "odd: a command, a name without a value",
    part: "body",
    why: "it is one with an empty value; Icecast takes it for none",
  },
  {
    request: /^odd: (?:Host twice|a Host that is none)$/,
    part: "body",
    why: "which host a request without a usable one means is for nobody to say",
  },
];

export const explains = ({ request, part }: KnownDifference, difference: Difference): boolean =>
  matches(request, difference.request) && matches(part, difference.part);

const matches = (pattern: string | RegExp, text: string): boolean =>
  typeof pattern === "string" ? pattern === text : pattern.test(text);
