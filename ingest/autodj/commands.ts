import type { Socket } from "node:net";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { httpDate, unauthorized } from "../../shared/icecast-reply.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { parseBasicAuth } from "../../shared/source/basic-auth.ts";
import { header, type RequestHead } from "../../shared/source/request-head.ts";
import { millis, type MountPath } from "../../shared/units.ts";
import type { PasswordCheck } from "../access/password-check.ts";
import { readForm } from "../admin.ts";
import { finish, peerAddress } from "../client-socket.ts";
import { stationLogin } from "../station-login.ts";
import type { SplitTarget } from "../target.ts";
import type { AutoDj } from "./auto-dj.ts";
import type { AutoDjs } from "./auto-djs.ts";
import type { Desk, TrackTold } from "./desk.ts";
import { nextCount, nextMost } from "./limits.ts";
import { formatName } from "./parts.ts";
import type { TrackFile } from "./track.ts";

export interface CommandsOptions {
  readonly autodjs: Pick<AutoDjs, "find">;
  readonly settings: () => Pick<IngestSettings, "adminUser" | "adminPassword" | "edgeSecrets" | "limits">;
  readonly passwords: Pick<PasswordCheck, "matches">;
}

/** A request whose head has been read; `rest` is what came after it. */
export interface CommandRequest {
  readonly socket: Socket;
  readonly head: RequestHead;
  readonly target: SplitTarget;
  readonly rest: Uint8Array;
}

/** Below it are the commands, on this port only: the edge cannot ask an ingest host. */
const prefix = "/admin/autodj/";

export const isAutoDjPath = (path: string): boolean => path.startsWith(prefix);

const methods: ReadonlyMap<string, readonly string[]> = new Map([
  ["now", ["GET", "HEAD"]],
  ["next", ["GET", "HEAD"]],
  ["queue", ["GET", "HEAD", "POST", "DELETE"]],
  ["skip", ["POST"]],
]);

interface Answer {
  readonly status: 200 | 201 | 204 | 400 | 403 | 404 | 405 | 409 | 413 | 503;
  readonly body?: object;
  readonly allow?: readonly string[];
}

/**
 * What an administrator or operator may ask of an AutoDJ and have it do. Answers are JSON: of what plays
 *
 *   GET    now      {mount, onAir, format, playing, queued}
 *   GET    next     {mount, next: [...]}                   `count`, 10 unless said
 *   GET    queue    {mount, queue: [...]}
 *   POST   queue    {mount, queued, position}              `track`: a file's name, path or id, or a part of a name that only one has
 *   DELETE queue    {mount, removed}                       all requests, or those for `track`
 *   POST   skip     {mount, skipped}
 *
 * where a track is {id, file, kind, rotation, title, durationSeconds} with null for what is not known, and what is `playing` has
 * startedAt and positionSeconds besides; or, with another status, {error}. Parameters stand in the query or in a form.
 */
export class AutoDjCommands {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** "wrong-login": it showed credentials that open nothing; nothing was sent. */
  async answer(request: CommandRequest): Promise<"answered" | "wrong-login"> {
    const { socket, head, target } = request;
    const allow = methods.get(target.path.slice(prefix.length));
    if (!allow) return send(request, failed(404, "there is no such command"));
    if (head.method === "OPTIONS") return send(request, { status: 204, allow: [...allow, "OPTIONS"] });
    const login = await this.#login(head, peerAddress(socket));
    if (login === "nobody") {
      finish(socket, unauthorized(millis(Date.now())));
      return "answered";
    }
    if (login === "wrong") return "wrong-login";
    if (login === "busy") return send(request, failed(503, "too many logins at the same time, try again"));
    if (login === "viewer") return send(request, failed(403, "this login may not do this"));
    if (!allow.includes(head.method)) {
      return send(request, { ...failed(405, `${head.method} is not for this`), allow });
    }
    if (isUnsafe(head.method) && !mayChange(head)) {
      return send(request, failed(403, "this request does not come from a page of this server"));
    }
    const form = await readForm(socket, head, request.rest, this.#options.settings().limits.headerTimeoutMs);
    if (form === null) return send(request, failed(413, "the form is too large, or did not come"));
    const parameters = new URLSearchParams(form.toString("utf8"));
    for (const [name, value] of new URLSearchParams(target.query)) parameters.set(name, value);
    return send(request, await this.#carryOut(target.path.slice(prefix.length), head.method, parameters));
  }

  async #carryOut(command: string, method: string, parameters: URLSearchParams): Promise<Answer> {
    const named = parameters.get("mount");
    if (named === null || named === "") return failed(400, "mount is missing");
    const mount = mountOrNull(named);
    const autodj = mount && this.#options.autodjs.find(mount);
    if (!autodj) return failed(404, `${named} has no AutoDJ on this host`);
    const { desk } = autodj;
    if (!desk?.isRead) return failed(409, "the AutoDJ has not read its music yet");
    switch (command) {
      case "now":
        return now(autodj, desk);
      case "next":
        return next(autodj.mount, desk, parameters.get("count"));
      case "skip":
        return skip(autodj, desk);
    }
    if (method === "POST") return enqueue(autodj.mount, desk, parameters.get("track"));
    if (method === "DELETE") return unqueue(autodj.mount, desk, parameters.get("track"));
    return { status: 200, body: { mount: autodj.mount, queue: desk.queue.map(shown) } };
  }

  async #login(
    head: RequestHead,
    address: string,
  ): Promise<"right" | "viewer" | "wrong" | "busy" | "nobody"> {
    const credentials = parseBasicAuth(header(head, "authorization"));
    if (credentials === null) return "nobody";
    const { adminUser, adminPassword, edgeSecrets } = this.#options.settings();
    const station = { adminUser, adminPassword, users: edgeSecrets.users };
    const { passwords } = this.#options;
    const operates = await stationLogin(credentials, address, ["operator"], station, passwords);
    if (operates !== "wrong") return operates;
    // Somebody of the station's, who may less. Whose password is wrong has been found out by then.
    const role = station.users.find(({ name }) => name === credentials.user)?.role;
    if (role !== "viewer") return "wrong";
    const views = await stationLogin(credentials, address, ["viewer"], station, passwords);
    return views === "right" ? "viewer" : views;
  }
}

function now({ mount, isOnAir }: AutoDj, desk: Desk): Answer {
  const { playing } = desk;
  const body = {
    mount,
    onAir: isOnAir,
    format: formatName(desk.format),
    playing: playing && {
      ...shown(playing),
      startedAt: new Date(playing.startedMs).toISOString(),
      positionSeconds: seconds(playing.positionMs),
    },
    queued: desk.queue.length,
  };
  return { status: 200, body };
}

function next(mount: MountPath, desk: Desk, count: string | null): Answer {
  const wanted = count === null ? nextCount : /^\d{1,3}$/.test(count) ? Number(count) : 0;
  if (wanted < 1 || wanted > nextMost) return failed(400, `count must be a number from 1 to ${nextMost}`);
  return { status: 200, body: { mount, next: desk.next(wanted).map(shown) } };
}

function skip({ mount, isOnAir }: AutoDj, desk: Desk): Answer {
  if (!isOnAir) return failed(409, "the AutoDJ is not on air");
  const skipped = desk.deck.skip();
  if (!skipped) return failed(409, "nothing plays");
  return { status: 200, body: { mount, skipped: shown({ ...desk.tell(skipped.file), ...skipped.pick }) } };
}

async function enqueue(mount: MountPath, desk: Desk, track: string | null): Promise<Answer> {
  const file = await oneFile(desk, track);
  if ("status" in file) return file;
  const refusal = desk.music.refusalOf(file.id);
  if (refusal !== undefined) return failed(409, `${file.name} is not played: it ${refusal}`);
  const enqueued = desk.enqueue(file);
  if (enqueued === "full") return failed(409, "as many requests wait as may");
  if (enqueued === "waiting") return failed(409, `${file.name} waits already`);
  if (enqueued !== "queued") return failed(409, `${file.name} cannot be played`);
  const queued = { ...desk.tell(file), kind: "request" as const };
  return { status: 201, body: { mount, queued: shown(queued), position: desk.queue.length } };
}

async function unqueue(mount: MountPath, desk: Desk, track: string | null): Promise<Answer> {
  if (track === null) return { status: 200, body: { mount, removed: desk.unqueue() } };
  const file = await oneFile(desk, track);
  if ("status" in file) return file;
  const removed = desk.unqueue(file.id);
  return removed > 0 ? { status: 200, body: { mount, removed } } : failed(404, `${file.name} does not wait`);
}

async function oneFile(desk: Desk, track: string | null): Promise<TrackFile | Answer> {
  if (track === null || track === "") return failed(400, "track is missing");
  const found = await desk.search(track);
  const [file] = found;
  if (!file) return failed(404, "there is no such track");
  if (found.length === 1) return file;
  const some = found.slice(0, candidates).map(({ id, name }) => ({ id, file: name }));
  return { status: 409, body: { error: `${found.length} tracks are called so`, tracks: some } };
}

/** Tracks that are told to somebody whose words fit several. */
const candidates = 20;

const shown = ({ id, file, kind, rotation, title, durationMs }: TrackTold) => ({
  id,
  file,
  kind,
  rotation,
  title,
  durationSeconds: durationMs === null ? null : seconds(durationMs),
});

const seconds = (ms: number): number => Math.round(ms) / 1000;

const failed = (status: Answer["status"], error: string): Answer => ({ status, body: { error } });

const isUnsafe = (method: string): boolean => method === "POST" || method === "DELETE";

/**
 * Browsers send Basic credentials along with whatever another site has them ask for. One is believed where it says itself that
 * a page of ours asks, and where another site could not have sent this without being asked first (Fetch Standard, CORS
 * preflight): no form can be sent as JSON or with DELETE.
 */
function mayChange(head: RequestHead): boolean {
  const site = header(head, "sec-fetch-site");
  const origin = header(head, "origin");
  const isBrowser =
    site !== undefined || origin !== undefined || header(head, "user-agent")?.startsWith("Mozilla/");
  if (isBrowser !== true) return true;
  const type = header(head, "content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (head.method === "POST" && type !== "application/json") return false;
  if (site !== undefined) return site === "same-origin" || site === "none";
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === header(head, "host")?.toLowerCase();
}

const words: Readonly<Record<Answer["status"], string>> = {
  200: "OK",
  201: "Created",
  204: "No Content",
  400: "Bad Request",
  403: "Forbidden",
  404: "File Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Request Entity Too Large",
  503: "Service Unavailable",
};

function send({ socket, head }: CommandRequest, { status, body, allow }: Answer): "answered" {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(`${JSON.stringify(body)}\n`);
  const lines = [
    `HTTP/1.0 ${status} ${words[status]}`,
    "Server: Skywave",
    "Connection: Close",
    `Date: ${httpDate(millis(Date.now()))}`,
    ...(body === undefined ? [] : ["Content-Type: application/json; charset=utf-8"]),
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    ...(allow ? [`Allow: ${allow.join(", ")}`] : []),
    `Content-Length: ${bytes.length}`,
  ];
  const start = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  finish(socket, head.method === "HEAD" ? start : Buffer.concat([start, bytes]));
  return "answered";
}
