import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { extname, join, relative, sep } from "node:path";
import type { ReplyHeader } from "../shared/edge-station.ts";
import { httpDate } from "../shared/icecast-reply.ts";
import { header, type RequestHead } from "../shared/source/request-head.ts";
import { millis } from "../shared/units.ts";
import { byteRange } from "./byte-range.ts";
import { finish } from "./client-socket.ts";
import { idleMs } from "./limits.ts";

export interface WebrootOptions {
  /** Absolute; undefined: there is none. */
  readonly folder: () => string | undefined;
  /** Whether a source here has a mount of this name: it goes before a file. */
  readonly isMount: (path: string) => boolean;
  /** Headers that the station wants on its replies. */
  readonly headers: () => readonly ReplyHeader[];
  readonly aliases: () => readonly {
    readonly source: string;
    readonly destination: string;
    readonly port?: number | undefined;
  }[];
}

/** What this server answers itself, here or at the edge: a stock webroot has stylesheets for Icecast's pages, which are no files here. */
const ownPaths = new Set([
  "/",
  "/health",
  "/metrics",
  "/page.css",
  "/page.js",
  "/page-parts.js",
  "/page-player.js",
  "/7.html",
  "/stats",
  "/statistics",
  "/admin",
  "/admin.cgi",
]);
const ownFolders = ["/admin/", "/api/", "/archive/", "/cdn-cgi/", "/auth/"];
const ownEndings = [".xsl", ".xslt"];

/** As `/etc/mime.types` has them, for what a station's site is made of; Icecast's own fallback for the rest. */
const contentTypes: Readonly<Record<string, string>> = {
  aac: "audio/aac",
  avif: "image/avif",
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  flac: "audio/flac",
  gif: "image/gif",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  m3u: "audio/x-mpegurl",
  m3u8: "application/vnd.apple.mpegurl",
  m4a: "audio/mp4",
  mjs: "text/javascript; charset=utf-8",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  oga: "audio/ogg",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  pdf: "application/pdf",
  pls: "audio/x-scpls",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  vclt: "audio/x-vclt",
  wasm: "application/wasm",
  wav: "audio/wav",
  webm: "video/webm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff: "font/woff",
  woff2: "font/woff2",
  xml: "application/xml",
  xspf: "application/xspf+xml",
  zip: "application/zip",
};

/** Icecast's `fileserve`: files of the operator's webroot, to whoever asks. */
export class Webroot {
  readonly #options: WebrootOptions;

  constructor(options: WebrootOptions) {
    this.#options = options;
  }

  /**
   * Answers a GET or HEAD with a file; false when the path is none of a file, which others then answer. `path` as it
   * stands in the request.
   */
  async serve(socket: Socket, head: RequestHead, path: string): Promise<boolean> {
    const folder = this.#options.folder();
    if (folder === undefined) return false;
    const name = this.#fileName(path, socket.localPort);
    const found = name === null ? null : await openFile(folder, name);
    if (!found) return false;
    try {
      await this.#send(socket, head, found);
    } finally {
      await found.handle.close();
    }
    return true;
  }

  #fileName(path: string, port: number | undefined): string | null {
    const decoded = decode(path);
    if (decoded === null) return null;
    const alias = this.#options
      .aliases()
      .find(({ source, port: only }) => source === decoded && (only === undefined || only === port));
    const name = alias?.destination ?? decoded;
    const lower = name.toLowerCase();
    const isOwn =
      ownPaths.has(lower) ||
      ownFolders.some((folder) => lower.startsWith(folder)) ||
      ownEndings.some((ending) => lower.endsWith(ending));
    return isOwn || this.#options.isMount(name) ? null : name;
  }

  async #send(socket: Socket, head: RequestHead, { handle, stats, name }: OpenFile): Promise<void> {
    const { size } = stats;
    const tag = `"${size.toString(36)}-${Math.round(stats.mtimeMs).toString(36)}"`;
    const validators = `Last-Modified: ${httpDate(millis(stats.mtimeMs))}\r\nETag: ${tag}\r\nAccept-Ranges: bytes\r\n`;
    const reply = (status: number, reason: string, fields: string): string =>
      this.#head(status, reason, fields + validators);
    if (header(head, "if-none-match") === tag)
      return finish(socket, Buffer.from(reply(304, "Not Modified", "")));
    // Of a file that has changed since, the part that was asked for is of no use.
    const condition = header(head, "if-range");
    const asked = condition === undefined || condition === tag ? header(head, "range") : undefined;
    const range = byteRange(head.method === "GET" ? asked : undefined, size);
    if (range === "unsatisfiable") {
      const text = "Request Range Not Satisfiable\r\n";
      const fields = `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nContent-Range: bytes */${size}\r\n`;
      return finish(socket, Buffer.from(reply(416, "Request Range Not Satisfiable", fields) + text));
    }
    const part = range === "all" ? { from: 0, to: size - 1 } : range;
    const type = contentTypes[extname(name).slice(1).toLowerCase()] ?? "application/octet-stream";
    const fields = `Content-Type: ${type}\r\nContent-Length: ${part.to - part.from + 1}\r\n`;
    const line =
      range === "all"
        ? reply(200, "OK", fields)
        : reply(206, "Partial Content", `${fields}Content-Range: bytes ${part.from}-${part.to}/${size}\r\n`);
    if (head.method === "HEAD" || size === 0) return finish(socket, Buffer.from(line));
    socket.write(line);
    await sendPart(socket, handle, part);
  }

  /** Icecast's form; a 206 is its one reply in HTTP/1.1. */
  #head(status: number, reason: string, fields: string): string {
    const { headers } = this.#options;
    let own = "Access-Control-Allow-Origin: *\r\n";
    for (const { name, value, status: only } of headers()) {
      if (only !== undefined && only !== status) continue;
      if (name.toLowerCase() === "access-control-allow-origin") own = "";
      own += `${name}: ${value}\r\n`;
    }
    return (
      `HTTP/1.${status === 206 ? 1 : 0} ${status} ${reason}\r\nServer: Skywave\r\nConnection: Close\r\n` +
      `Date: ${httpDate(millis(Date.now()))}\r\nCache-Control: no-cache\r\n${own}${fields}` +
      "X-Content-Type-Options: nosniff\r\n\r\n"
    );
  }
}

/** Null for what is no plain path: with an encoded slash, a backslash, a NUL, a folder up, a hidden file, an empty step. */
function decode(path: string): string | null {
  if (/%(?:2f|5c|00)|\\/i.test(path)) return null;
  let name: string;
  try {
    name = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (name.includes("\0") || name === "/") return name === "/" ? "/" : null;
  const steps = name.slice(1).split("/");
  return steps.every((step) => step !== "" && !step.startsWith(".")) ? name : null;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
  readonly name: string;
}

/**
 * Null when there is no such file. Links are followed, out of the folder too: only the operator can have made them, and
 * Debian's own webroot has its stylesheet in /etc. What they lead to is no more served than by its name if it is hidden.
 */
async function openFile(folder: string, name: string): Promise<OpenFile | null> {
  try {
    const path = await realpath(join(folder, name));
    if (isHidden(relative(await realpath(folder), path))) return null;
    // Before it is opened: opening a pipe or a device does things.
    if (!(await stat(path)).isFile()) return null;
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, stats, name };
    await handle.close();
    return null;
  } catch {
    return null;
  }
}

const isHidden = (path: string): boolean =>
  path.split(sep).some((step) => step.startsWith(".") && step !== "..");

const pieceBytes = 64 * 1024;

/** No faster than the client takes it; one that takes nothing for `idleMs` is gone. */
async function sendPart(
  socket: Socket,
  handle: FileHandle,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  for (let at = from; at <= to && !socket.destroyed; ) {
    const { bytesRead, buffer } = await handle.read(
      Buffer.alloc(Math.min(pieceBytes, to - at + 1)),
      0,
      undefined,
      at,
    );
    // It has become shorter than was promised.
    if (bytesRead === 0) return void socket.destroy();
    at += bytesRead;
    if (!socket.write(buffer.subarray(0, bytesRead))) await drained(socket);
  }
  finish(socket);
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off("drain", done).off("close", done);
      resolve();
    };
    const timer = setTimeout(() => socket.destroy(), idleMs);
    socket.once("drain", done).once("close", done);
    if (socket.destroyed) done();
  });
}
