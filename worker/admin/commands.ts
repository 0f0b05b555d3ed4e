import type { Role } from "../../shared/edge-secrets.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { parseMetadataRequest } from "../../shared/source/metadata-request.ts";
import { sanitiseTitle } from "../../shared/title.ts";
import type { MountPath } from "../../shared/units.ts";
import { badRequest } from "../icecast-errors.ts";
import { replyHeaders } from "../reply-headers.ts";
import { manageAuth } from "./account-commands.ts";
import type { AdminAnswer } from "./answers.ts";
import type { Fields } from "./parameters.ts";
import type { StationAdmin } from "./station-admin.ts";

/** One request for a command, once it is known who asks. */
interface CommandRequest {
  readonly fields: Fields;
  /** Raw, without "?". */
  readonly query: string;
  readonly station: StationAdmin;
  /** The form of the command that ends in `.xsl`: a page for people. */
  readonly isPage: boolean;
}

export interface MountRequest extends CommandRequest {
  readonly mount: MountPath;
  /** Whether the mount's own source asks, and no user of the station. */
  readonly isSource: boolean;
  /**
   * Writes into the audit log what is about to be done; never with a secret in it. To be called before anything changes: rejects when
   * it cannot be written, and then nothing does.
   */
  /** Who asks, by name. */
  readonly by: string;
  readonly note: (details: Readonly<Record<string, string>>) => Promise<void>;
}

/** What a command comes to. */
export type Outcome = AdminAnswer | Response;

export interface Command {
  readonly may: readonly Role[];
  /** Whether it would change something. */
  readonly isUnsafe?: (fields: Fields) => boolean;
  /**
   * Sources do it with every song: for their own mount it is not noted, and not guarded, for a player may call itself a browser and no
   * other site gains by it.
   */
  readonly isOfSources?: boolean;
  /** Without a `mount`. */
  readonly general?: (request: CommandRequest) => Promise<Outcome>;
  /** Of one mount. */
  readonly ofMount?: (request: MountRequest) => Promise<Outcome>;
  /** Of mounts that are off the air as well. */
  readonly anyMount?: boolean;
}

const lookers: readonly Role[] = ["admin", "operator", "viewer"];
const doers: readonly Role[] = ["admin", "operator"];
const always = () => true;

const stats: Command = {
  may: lookers,
  general: async ({ station }) => ({ kind: "statistics", statistics: await station.statistics() }),
  ofMount: async ({ station, mount }) => {
    const { global, sources } = await station.statistics();
    const fields = sources.get(mount);
    return { kind: "statistics", statistics: { global, sources: new Map(fields && [[mount, fields]]) } };
  },
};

const listMounts: Command = {
  may: lookers,
  general: async ({ station }) => ({ kind: "mounts", mounts: await station.mounts() }),
};

/** What a relaying server polls. */
const streamList: Command = {
  may: ["relay", "admin"],
  general: async ({ station }) => {
    const mounts = await station.mounts();
    const hidden = await Promise.all(mounts.map(({ mount }) => station.isHidden(mount)));
    const body = mounts.filter((_, index) => !hidden[index]).map(({ mount }) => `${mount}\r\n`);
    return new Response(body.join(""), { headers: replyHeaders("text/plain; charset=utf-8") });
  },
};

const listClients: Command = {
  may: lookers,
  ofMount: async ({ station, mount }) => ({
    kind: "listeners",
    mount,
    listeners: await station.listeners(mount),
    now: station.now(),
  }),
};

const metadata: Command = {
  may: doers,
  isUnsafe: always,
  isOfSources: true,
  async ofMount({ station, mount, query, fields, isPage, note }) {
    const path = isPage ? "/admin/metadata.xsl" : "/admin/metadata";
    const { action, title } = parseMetadataRequest(path, query, fields.form);
    if (action === "missing-mode") return badRequest("Missing parameter");
    if (action === "unknown-mode") return response("No such action", false);
    if (!title) return response("Metadata update successful", true);
    const text = sanitiseTitle(title.text);
    await note({ mount, title: text });
    const known = await station.setTitle(mount, { ...title, text });
    return known ? response("Metadata update successful", true) : badRequest("Source does not exist");
  },
};

const updateMetadata: Command = {
  may: doers,
  ofMount: async ({ mount }) => ({ kind: "mount", mount }),
};

const killClient: Command = {
  may: doers,
  isUnsafe: always,
  async ofMount({ station, mount, fields, note }) {
    const text = fields.parameters.get("id");
    if (text === undefined) return badRequest("Missing parameter");
    const id = integer(text);
    await note({ mount, listener: String(id) });
    const removed = await station.killListener(mount, id);
    return removed ? response(`Client ${id} removed`, true) : response(`Client ${id} not found`, false);
  },
};

const killSource: Command = {
  may: doers,
  isUnsafe: always,
  async ofMount({ station, mount, by, note }) {
    await note({ mount });
    const killed = await station.killSource(mount, by);
    return killed ? response("Source Removed", true) : badRequest("Source does not exist");
  },
};

const moveClients: Command = {
  may: doers,
  isUnsafe: ({ parameters }) => parameters.has("destination"),
  async general({ station, isPage }) {
    if (!isPage) return badRequest("Unknown admin request");
    return { kind: "mounts", mounts: await station.mounts() };
  },
  async ofMount({ station, mount, fields, note }) {
    const named = fields.parameters.get("destination");
    if (named === undefined) {
      const mounts = (await station.mounts()).filter((listed) => listed.mount !== mount);
      return { kind: "mounts", mounts, from: mount };
    }
    const destination = mountOrNull(named);
    const playing = destination && (await station.playingFor(destination));
    if (!destination || !playing) return badRequest("No such destination");
    if (playing === mount) return badRequest("supplied mountpoints are identical");
    // One of them alone: Icecast 2.5.
    const id = fields.parameters.get("id");
    await note({ mount, destination, ...(id !== undefined && { listener: String(integer(id)) }) });
    await station.moveListeners(mount, destination, id === undefined ? null : integer(id));
    return response(`Clients moved from ${mount} to ${destination}`, true);
  },
};

const fallbacks: Command = {
  may: doers,
  isUnsafe: always,
  async ofMount({ station, mount, fields, note }) {
    const named = fields.parameters.get("fallback");
    if (named === undefined) return badRequest("Missing parameter");
    const fallback = named === "" ? null : mountOrNull(named);
    if (named !== "" && !fallback) return badRequest("No such fallback");
    await note({ mount, fallback: named });
    await station.setFallback(mount, fallback);
    return successPage("Fallback configured");
  },
};

/**
 * A playlist with a listener's name and password in its address, for players that cannot ask; anybody may have one made.
 * Both are encoded, which Icecast does not do: a password with "@" or "/" would lead elsewhere.
 */
export async function buildM3u({
  station,
  mount,
  fields,
}: Pick<MountRequest, "station" | "mount" | "fields">): Promise<Response> {
  const username = fields.parameters.get("username");
  const password = fields.parameters.get("password");
  if (username === undefined || password === undefined) return badRequest("Missing parameter");
  const { protocol, host } = new URL(await station.origin());
  const [name, secret] = [username, password].map((text) => encodeURIComponent(text.toWellFormed()));
  const url = `${protocol}//${name}:${secret}@${host}${encodeURI(mount.toWellFormed())}`;
  return new Response(`${url}\r\n`, {
    headers: {
      ...replyHeaders("audio/x-mpegurl"),
      "Content-Disposition": "attachment; filename=listen.m3u",
    },
  });
}

/** By what follows `/admin/`, without `.xsl`. */
export const commands: Readonly<Record<string, Command>> = {
  stats,
  listmounts: listMounts,
  streamlist: listMounts,
  listclients: listClients,
  metadata,
  updatemetadata: updateMetadata,
  killclient: killClient,
  killsource: killSource,
  moveclients: moveClients,
  fallbacks,
  manageauth: {
    may: doers,
    isUnsafe: ({ parameters }) => ["add", "delete"].includes(parameters.get("action") ?? ""),
    ofMount: manageAuth,
    anyMount: true,
  },
};

/** Those that have no page. */
export const plainCommands: Readonly<Record<string, Command>> = {
  "stats.xml": stats,
  "streamlist.txt": streamList,
};

const response = (message: string, done: boolean): Outcome => ({ kind: "response", message, done });

const successPage = (message: string): Response =>
  new Response(
    `<html><head><title>Admin request successful</title></head><body><p>${message}</p></body></html>`,
    { headers: replyHeaders("text/html; charset=utf-8") },
  );

/** As C's `atoi` reads it: what is no number is 0. */
function integer(text: string): number {
  const value = Number.parseInt(text, 10);
  return Number.isSafeInteger(value) ? value : 0;
}
