import type { EdgeStation } from "../../shared/edge-station.ts";
import { type Credentials, parseBasicAuth } from "../../shared/source/basic-auth.ts";
import type { MountPath } from "../../shared/units.ts";
import {
  type AskedListener,
  type AuthAnswer,
  listenerAddForm,
  listenerRemoveForm,
  readAuthAnswer,
  type UrlAuth,
} from "../../shared/url-auth.ts";
import { unauthorized } from "../access/admit.ts";
import { targetAsAsked } from "../aliases.ts";
import { seenAddress } from "../client-address.ts";
import { forbidden, mountUnavailable } from "../icecast-errors.ts";
import { clock } from "../isolate-clock.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { newSessionId } from "../roster/open-session.ts";
import { authMessageLength, authTimeoutMs, pendingAuths, removeRetryMs, removeTimeoutMs } from "./limits.ts";
import type { Login } from "./login.ts";

/**
 * Asks the mount's authentication server as Icecast 2.4.4 does (`shared/url-auth.ts`). One that is slow or dead costs its
 * listeners 15 s and a refusal, and nobody else anything. Every listener that was let in is told of once more when it has gone.
 */
export async function urlLogin(
  request: Request,
  mount: MountPath,
  auth: UrlAuth,
  station: Pick<EdgeStation, "hostname" | "ingestHost" | "serverId">,
  host: Host,
): Promise<Login | Response> {
  const listener = await askedListener(request, station, host);
  const server = { auth, agent: station.serverId, credentials: credentialsFor(auth, listener) };
  if (auth.listenerAdd === undefined) return loginOf(listener, server, undefined);
  const leaveQueue = enterQueue(mount);
  if (!leaveQueue) return forbidden("busy, please try again later");
  const form = listenerAddForm(listener, auth, (name) => request.headers.get(name));
  const asking = ask(auth.listenerAdd, form, server)
    .catch((error: unknown): AuthAnswer => {
      console.warn("authentication server failed", mount, String(error));
      return { kind: "refused" };
    })
    .finally(leaveQueue)
    .then((answer) => {
      if (answer.kind === "refused") return null;
      const { limitSeconds } = answer;
      const login = loginOf(listener, server, limitSeconds === undefined ? undefined : limitSeconds * 1_000);
      // It has gone meanwhile, and nothing else of its request may run.
      if (request.signal.aborted) login.end(host);
      return login;
    });
  host.keepAlive(asking);
  const login = await asking;
  if (!login) return unauthorized();
  if (login.maxMs !== 0) return login;
  login.end(host);
  return mountUnavailable();
}

/** Since when listeners of each mount wait for an answer. */
const waitingOf = new Map<MountPath, Set<{ readonly sinceMs: number }>>();

/** Null when as many wait as may; else what takes this one out again. */
function enterQueue(mount: MountPath): (() => void) | null {
  const waiting = waitingOf.get(mount) ?? new Set();
  // A request that has ended may have taken its answer along.
  for (const each of waiting) if (msSince(each.sinceMs) > 2 * authTimeoutMs) waiting.delete(each);
  if (waiting.size >= pendingAuths) return null;
  const own = { sinceMs: Date.now() };
  waitingOf.set(mount, waiting.add(own));
  return () => {
    waiting.delete(own);
    if (waiting.size === 0 && waitingOf.get(mount) === waiting) waitingOf.delete(mount);
  };
}

interface AuthServer {
  readonly auth: UrlAuth;
  /** As the station calls itself. */
  readonly agent: string;
  /** What the server is shown. */
  readonly credentials: Credentials;
}

async function askedListener(
  request: Request,
  { hostname, ingestHost }: Pick<EdgeStation, "hostname" | "ingestHost">,
  host: Host,
): Promise<AskedListener> {
  const { headers } = request;
  const shown = parseBasicAuth(headers.get("Authorization") ?? undefined);
  const { address } = await seenAddress(headers, host.env);
  return {
    server: hostname,
    port: Number(/:(\d+)$/.exec(ingestHost ?? "")?.[1] ?? 8000),
    client: newSessionId(),
    target: targetAsAsked(request),
    user: shown?.user ?? "",
    password: shown?.password ?? "",
    ip: address ?? "",
    agent: headers.get("User-Agent"),
  };
}

/** The operator's own for this server, else the listener's. */
const credentialsFor = ({ username, password }: UrlAuth, listener: AskedListener): Credentials =>
  username !== undefined && password !== undefined
    ? { user: username, password }
    : { user: listener.user, password: listener.password };

function loginOf(listener: AskedListener, server: AuthServer, maxMs: number | undefined): Login {
  const startedMs = clock.now();
  let open = true;
  return {
    user: listener.user === "" ? null : listener.user,
    client: listener.client,
    maxMs,
    end(host) {
      if (!open) return;
      open = false;
      host.keepAlive(remove(listener, server, clock.now() - startedMs));
    },
  };
}

async function remove(listener: AskedListener, server: AuthServer, durationMs: number): Promise<void> {
  const url = server.auth.listenerRemove;
  if (url === undefined) return;
  const form = listenerRemoveForm(listener, durationMs);
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await post(url, form, server, removeTimeoutMs);
      await response.body?.cancel();
      return;
    } catch (error) {
      if (attempt > 0) return console.warn("authentication server did not hear of an end", String(error));
      await scheduler.wait(removeRetryMs);
    }
  }
}

async function ask(url: string, form: string, server: AuthServer): Promise<AuthAnswer> {
  const response = await post(url, form, server, authTimeoutMs);
  const answer = readAuthAnswer(server.auth, response.status, (name) => response.headers.get(name));
  const message = response.headers.get("Icecast-Auth-Message");
  if (message !== null && answer.kind === "refused") {
    console.warn("authentication server refuses", JSON.stringify(message.slice(0, authMessageLength)));
  }
  // Nobody reads it, however long it is.
  await response.body?.cancel();
  return answer;
}

/** The signal ends the reply's body as well. */
function post(url: string, body: string, server: AuthServer, timeoutMs: number): Promise<Response> {
  const { href, own } = withoutCredentials(url);
  const { user, password } = own ?? server.credentials;
  return fetch(href, {
    method: "POST",
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      Authorization: `Basic ${base64(`${user}:${password}`)}`,
      "User-Agent": server.agent,
      Accept: "*/*",
      "Content-Type": "application/x-www-form-urlencoded",
    },
  });
}

/** `fetch` takes no address with a login in it. */
function withoutCredentials(address: string): { readonly href: string; readonly own: Credentials | null } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { href: address, own: null };
  url.username = "";
  url.password = "";
  return {
    href: url.href,
    own: { user: decodeURIComponent(username), password: decodeURIComponent(password) },
  };
}

const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
