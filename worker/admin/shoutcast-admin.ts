import type { Role } from "../../shared/edge-secrets.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { parseMetadataRequest } from "../../shared/source/metadata-request.ts";
import { splitLogin } from "../../shared/source/shoutcast-login.ts";
import { sanitiseTitle } from "../../shared/title.ts";
import { badRequest } from "../icecast-errors.ts";
import { replyHeaders } from "../reply-headers.ts";
import { secondsSince } from "./answers.ts";
import { type Fields, readFields } from "./parameters.ts";
import { tooLarge } from "./refusals.ts";
import {
  listenersXml,
  type ShoutcastStream,
  shoutcastReply,
  statsJson,
  statsXml,
} from "./shoutcast-stats.ts";
import type { StationAdmin } from "./station-admin.ts";

const lookers: readonly Role[] = ["admin", "operator", "viewer"];
const doers: readonly Role[] = ["admin", "operator"];

/**
 * SHOUTcast's `admin.cgi`: `mode=updinfo` as Icecast 2.4.4 answers it, `viewxml` and `viewjson` for SHOUTcast's tools. The
 * password is `pass`, of the administrator whose name is `adminName`, or "user:password"; or it comes as Basic.
 */
export async function answerAdminCgi(
  request: Request,
  station: StationAdmin,
  { streams, adminName }: { readonly streams: readonly ShoutcastStream[]; readonly adminName: string },
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "POST") return badRequest("unknown request");
  const fields = await readFields(request);
  if (!fields) return tooLarge();
  const pass = fields.parameters.get("pass");
  if (pass === undefined && !request.headers.has("Authorization")) {
    return badRequest("missing pass parameter");
  }
  const mode = fields.parameters.get("mode");
  if (mode === undefined) return badRequest("Missing parameter");
  const asked: Asked = { request, fields, pass, station, streams };
  if (mode === "updinfo") return updateTitle(asked, adminName);
  if (mode !== "viewxml" && mode !== "viewjson") return badRequest("No such action");
  const visitor = await station.admit(withLogin(asked, adminName), lookers);
  if (visitor instanceof Response) return visitor;
  return mode === "viewxml" ? viewXml(asked) : viewJson(asked);
}

interface Asked {
  readonly request: Request;
  readonly fields: Fields;
  readonly pass: string | undefined;
  readonly station: StationAdmin;
  readonly streams: readonly ShoutcastStream[];
}

async function updateTitle(asked: Asked, adminName: string): Promise<Response> {
  const { request, fields, station, streams } = asked;
  const query = new URL(request.url).search.slice(1);
  const update = parseMetadataRequest("/admin.cgi", query, fields.form);
  const mount = update.mount === undefined ? soleShoutcastMount(streams) : mountOrNull(update.mount);
  const visitor = await station.admitToMount(withLogin(asked, adminName), {
    may: doers,
    mount,
    // A password alone may be the administrator's or the source's: it is one try all the same.
    ...(asked.pass !== undefined && splitLogin(asked.pass).user === undefined && { sourceUser: "source" }),
  });
  if (visitor instanceof Response) return visitor;
  const isSource = visitor.isSource === true;
  // With the password in the address nobody is led here by a browser that remembers it.
  const refusal = asked.pass === undefined && !isSource ? await station.guardUnsafe(request, visitor) : null;
  if (refusal) return refusal;
  if (!mount) return badRequest("Source does not exist");
  if (update.title) {
    const text = sanitiseTitle(update.title.text);
    if (!isSource) await station.audit(visitor, "metadata", { mount, title: text });
    if (!(await station.setTitle(mount, { ...update.title, text }))) {
      return badRequest("Source does not exist");
    }
  }
  const body =
    "<html><head><title>Admin request successful</title></head><body><p>Metadata update successful</p></body></html>";
  return new Response(body, { headers: replyHeaders("text/html; charset=utf-8") });
}

/** Without a name only one source can be meant. */
function soleShoutcastMount(streams: readonly ShoutcastStream[]) {
  const [only, ...more] = streams.filter(({ source }) => source.protocol === "SHOUTcast");
  return only && more.length === 0 ? only.status.mount : null;
}

/** `page`: 1 the stream, 3 its listeners, 4 its titles; anything else is all of it. */
async function viewXml(asked: Asked): Promise<Response> {
  const stream = streamOf((name) => asked.fields.parameters.get(name), asked.streams);
  const page = asked.fields.parameters.get("page");
  const listeners = page === "1" || page === "4" ? "" : listenersXml(await listenersOf(asked, stream));
  if (page === "3") {
    return shoutcastReply(
      `<?xml version="1.0" encoding="UTF-8" standalone="yes" ?><SHOUTCASTSERVER>${listeners}</SHOUTCASTSERVER>`,
      "xml",
    );
  }
  return shoutcastReply(statsXml(stream, listeners), "xml");
}

async function viewJson(asked: Asked): Promise<Response> {
  const stream = streamOf((name) => asked.fields.parameters.get(name), asked.streams);
  const listeners = (await listenersOf(asked, stream)).map((listener) => ({
    hostname: listener.address,
    useragent: listener.userAgent,
    connecttime: listener.connectedSeconds,
    uid: listener.id,
  }));
  return shoutcastReply(JSON.stringify({ ...JSON.parse(statsJson(stream)), listeners }), "json");
}

async function listenersOf({ station }: Asked, stream: ShoutcastStream | undefined) {
  if (!stream) return [];
  const listeners = await station.listeners(stream.status.mount);
  return listeners.map(({ id, address, userAgent, startedMs }) => ({
    id,
    address: address ?? "0.0.0.0",
    userAgent,
    connectedSeconds: secondsSince(startedMs, station.now()),
  }));
}

/** The stream of `sid`, from 1, or of `mount`; the first without either. */
export function streamOf(
  parameter: (name: string) => string | undefined,
  streams: readonly ShoutcastStream[],
): ShoutcastStream | undefined {
  const mount = parameter("mount");
  if (mount !== undefined) return streams.find(({ status }) => status.mount === mount);
  const id = Number.parseInt(parameter("sid") ?? "1", 10);
  return streams.find((stream) => stream.id === id);
}

/** The request with `pass` as Basic credentials. */
function withLogin({ request, pass }: Asked, userName: string): Request {
  if (pass === undefined) return request;
  const { user, password } = splitLogin(pass);
  const login = new TextEncoder().encode(`${user ?? userName}:${password}`);
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Basic ${btoa(String.fromCharCode(...login))}`);
  return new Request(request.url, { method: request.method, headers });
}
