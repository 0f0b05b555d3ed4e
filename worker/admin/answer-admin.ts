import { mountOrNull } from "../../shared/mount-path.ts";
import type { Visitor } from "../access/admit.ts";
import { badRequest } from "../icecast-errors.ts";
import { tooLarge } from "./refusals.ts";
import { answerPage, answerHeaders } from "./answer-pages.ts";
import { type AdminAnswer, answerXml } from "./answers.ts";
import {
  buildM3u,
  type Command,
  commands,
  type MountRequest,
  type Outcome,
  plainCommands,
} from "./commands.ts";
import { type Fields, readFields } from "./parameters.ts";
import { replyHeaders } from "../reply-headers.ts";
import type { StationAdmin } from "./station-admin.ts";

/**
 * Answers `/admin/<name>`, with Icecast's order of checks: the command, then who asks, then the mount, then the rest.
 * `name` is as in the URL: Icecast knows no other spelling.
 */
export async function answerAdmin(request: Request, name: string, station: StationAdmin): Promise<Response> {
  const found = commandOf(name);
  if (!found) return badRequest("Unrecognised command");
  if (request.method !== "GET" && request.method !== "POST") return badRequest("unknown request");
  const fields = await readFields(request);
  if (!fields) return tooLarge();
  const named = fields.parameters.get("mount");
  const asked: Asked = { ...found, request, fields, station, query: new URL(request.url).search.slice(1) };
  if (found.command === "buildm3u") return named === undefined ? generalM3u(asked) : m3uOf(named, asked);
  return named === undefined ? general(asked, found.command) : ofMount(asked, found.command, named);
}

interface Asked {
  /** As it is called in the audit log. */
  readonly action: string;
  readonly isPage: boolean;
  readonly request: Request;
  readonly fields: Fields;
  readonly query: string;
  readonly station: StationAdmin;
}

function commandOf(name: string) {
  if (name === "buildm3u") return { command: name, action: name, isPage: false } as const;
  const isPage = name.endsWith(".xsl");
  const action = isPage ? name.slice(0, -4) : name;
  const command = own(commands, action) ?? (isPage ? undefined : own(plainCommands, action));
  return command && { command, action, isPage };
}

const own = (table: Readonly<Record<string, Command>>, name: string): Command | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

async function general(asked: Asked, command: Command): Promise<Response> {
  const visitor = await asked.station.admit(asked.request, command.may);
  if (visitor instanceof Response) return visitor;
  if (!command.general) return badRequest("Unknown admin request");
  return deliver(asked, visitor, await command.general(asked));
}

async function ofMount(asked: Asked, command: Command, named: string): Promise<Response> {
  const { request, fields, station } = asked;
  const mount = mountOrNull(named);
  const visitor = await station.admitToMount(request, { may: command.may, mount });
  if (visitor instanceof Response) return visitor;
  if (!mount) return badRequest("Source does not exist");
  const mounts = await station.mounts();
  const isThere = mounts.some((listed) => listed.mount === mount);
  if (!isThere && !(command.anyMount && (await station.authenticatorOf(mount)) !== undefined)) {
    return badRequest("Source does not exist");
  }
  if (!command.ofMount) return badRequest("Mount request unknown");
  const isSource = visitor.isSource === true;
  const isOwnSong = isSource && command.isOfSources === true;
  if (!isOwnSong && command.isUnsafe?.(fields)) {
    const refusal = await station.guardUnsafe(request, visitor);
    if (refusal) return refusal;
  }
  const note: MountRequest["note"] = async (details) => {
    if (!isOwnSong) await station.audit(visitor, asked.action, details);
  };
  return deliver(
    asked,
    visitor,
    await command.ofMount({ ...asked, mount, isSource, by: visitor.name, note }),
  );
}

async function deliver({ station, isPage }: Asked, visitor: Visitor, reply: Outcome): Promise<Response> {
  if (reply instanceof Response) return reply;
  return isPage ? pageReply(reply, visitor, station) : xmlReply(reply);
}

/** With its length, as Icecast sends it; in bytes of ASCII, for the rest is written as references. */
function xmlReply(answer: AdminAnswer): Response {
  const body = answerXml(answer);
  return new Response(body, {
    headers: { ...replyHeaders("text/xml; charset=utf-8"), "Content-Length": String(body.length) },
  });
}

async function pageReply(answer: AdminAnswer, visitor: Visitor, station: StationAdmin): Promise<Response> {
  const body = await answerPage(answer, {
    station: await station.name(),
    csrf: await station.csrfToken(visitor),
  });
  return new Response(body, { headers: { ...replyHeaders("text/html; charset=utf-8"), ...answerHeaders } });
}

/** Without a mount it is a request like any other, and one that is not known. */
async function generalM3u({ request, station }: Asked): Promise<Response> {
  const visitor = await station.admit(request, ["admin"]);
  return visitor instanceof Response ? visitor : badRequest("Unknown admin request");
}

async function m3uOf(named: string, asked: Asked): Promise<Response> {
  const mount = mountOrNull(named);
  return mount ? buildM3u({ ...asked, mount }) : badRequest("Source does not exist");
}
