import { encodeBase64Url } from "../../shared/base64.ts";
import type { Role } from "../../shared/edge-secrets.ts";
import { type Credentials, parseBasicAuth } from "../../shared/source/basic-auth.ts";
import type { MountPath } from "../../shared/units.ts";
import { clientAddress } from "../client-address.ts";
import { isKnownMount, secretsOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { replyHeaders } from "../reply-headers.ts";
import { checkLoginOrSource, type SourceCheck } from "./check-login.ts";

/** Somebody who has shown a station user's password. */
export interface Visitor {
  readonly name: string;
  readonly role: Role;
  /** As `clientAddress` has it; null where nobody can say. */
  readonly address?: string | null;
}

/**
 * The station's user whose Basic credentials the request has, if it has one of these roles: an admin may do everything, an operator
 * also what viewers may, and a relay only what names it. Otherwise the reply: 401 with Icecast's bytes, 403 for a viewer or an operator
 * that may not, 429 while guessing is slowed (`checkLogin`).
 *
 * A right login is kept out only where its password cannot be looked at without letting others guess: not from an address that the
 * account has logged in from, where wrong ones cost a second at most.
 */
export const admit = (request: Request, may: readonly Role[], host: Host): Promise<Visitor | Response> =>
  admitToMount(request, { may, mount: null }, host);

/** Somebody who may do something with one mount. */
export interface MountVisitor extends Visitor {
  /** It has shown the login of the source that has the mount, and is called `source:<mount>`: no user's name has a colon. */
  readonly isSource?: boolean;
}

export interface MountWish {
  readonly may: readonly Role[];
  /** Null: of no mount, and then there is no source either. */
  readonly mount: MountPath | null;
  /** The name in the source's login, where the request shows a password alone; else the name that it shows. */
  readonly sourceUser?: string;
}

/**
 * The same for what concerns one mount: the source that has it may do with it what an administrator may, as in Icecast, and nothing
 * with any other.
 */
export async function admitToMount(
  request: Request,
  { may, mount, sourceUser }: MountWish,
  host: Host,
): Promise<MountVisitor | Response> {
  const shown = credentialsOf(request);
  if (!shown) return unauthorized();
  const address = await clientAddress(request.headers, host.env);
  const users = (await secretsOf(host)).users.filter(({ name }) => name === shown.user);
  const login = { account: `user ${shown.user}`, password: shown.password, address };
  const source =
    mount === null
      ? undefined
      : sourceCheck(mount, { ...shown, ...(sourceUser !== undefined && { user: sourceUser }) }, host);
  const result = await checkLoginOrSource(login, { users, source }, host);
  if (result.kind === "slowed") return tooManyTries(result.waitMs);
  if (result.kind === "wrong") return unauthorized();
  if (result.kind === "source") {
    return { name: `source:${mount}`, role: "operator", address, isSource: true };
  }
  const role = byRank.find((each) => result.users.some((user) => user.role === each));
  // A relay is no administrator, in Icecast's words nobody at all.
  if (role === undefined) return unauthorized();
  if (mayDo(role, may)) return { name: shown.user, role, address };
  return role === "relay" ? unauthorized() : notAllowed();
}

/** Whether somebody of this role may do what `may` says. */
const mayDo = (role: Role, may: readonly Role[]): boolean =>
  role === "admin" || may.includes(role) || (role === "operator" && may.includes("viewer"));

/** Whether these credentials are the login of the source that has the mount. */
function sourceCheck(mount: MountPath, shown: Credentials, host: Host): SourceCheck | undefined {
  const key = host.env.INGEST_TOKEN;
  if (!key) return undefined;
  const isRight = async (): Promise<boolean> => {
    // Asking for a name makes no object.
    if (!(await isKnownMount(mount, host))) return false;
    return host.env.MOUNT.getByName(mount).isHeldBy(await sourceCredential(mount, shown, key));
  };
  return { mount, isRight };
}

/** As `sourceCredential` in ingest/credentials.ts makes it. */
async function sourceCredential(
  mount: MountPath,
  { user, password }: Credentials,
  ingestToken: string,
): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(ingestToken), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode([mount, user, password].join("\0")));
  return encodeBase64Url(new Uint8Array(mac)).slice(0, credentialLength);
}

const credentialLength = 32;

const credentialsOf = (request: Request): Credentials | null =>
  parseBasicAuth(request.headers.get("Authorization") ?? undefined);

/** The first that somebody has counts. */
const byRank: readonly Role[] = ["admin", "operator", "viewer", "relay"];

/** As Icecast 2.4.4 writes it. */
export const unauthorized = (): Response =>
  new Response("You need to authenticate\r\n", {
    status: 401,
    statusText: "Authentication Required",
    headers: { ...replyHeaders(plain), "WWW-Authenticate": 'Basic realm="Icecast2 Server"' },
  });

const notAllowed = (): Response =>
  new Response("This user may not do that\r\n", { status: 403, headers: replyHeaders(plain) });

export const tooManyTries = (waitMs: number): Response =>
  new Response("Too many wrong passwords, try again later\r\n", {
    status: 429,
    headers: { ...replyHeaders(plain), "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1_000))) },
  });

const plain = "text/plain; charset=utf-8";
