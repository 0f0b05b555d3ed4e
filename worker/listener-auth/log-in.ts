import { addressGroup } from "../../shared/address-group.ts";
import type { EdgeStation } from "../../shared/edge-station.ts";
import { type ListenLink, readListenLink } from "../../shared/signed-url.ts";
import type { MountPath } from "../../shared/units.ts";
import { listenerRules } from "../access/listener-users.ts";
import { clientAddress } from "../client-address.ts";
import { secretsOf } from "../directory.ts";
import { forbidden, unavailable } from "../icecast-errors.ts";
import type { Host } from "../mount-feed.ts";
import { loggedInOnce } from "./duplicates.ts";
import { htpasswdLogin } from "./htpasswd-login.ts";
import { anybody, type Login } from "./login.ts";
import { urlLogin } from "./url-login.ts";

/**
 * Whether whoever asks may listen to the mount: with a signed link, a password of the station's, or its authentication
 * server's word. Else the reply. A HEAD is answered without asking that server: it gets no stream.
 */
export async function logIn(
  request: Request,
  mount: MountPath,
  station: EdgeStation,
  host: Host,
): Promise<Login | Response> {
  const secrets = await secretsOf(host).catch(() => null);
  // Nobody can say now who may listen.
  if (!secrets) return unavailable();
  const rules = listenerRules(secrets, mount);
  if (!rules) return anybody;
  const { auth, scope, signed } = rules;
  if (signed) {
    const link = await linkOf(request, mount, secrets.signingKeys, host);
    if (link.kind === "granted") return { ...anybody, user: link.grant.user ?? null };
    const hasPassword = auth !== undefined && request.headers.has("Authorization");
    if (auth === undefined || (link.kind !== "unsigned" && !hasPassword)) return refusalOf(link.kind);
  }
  if (auth === undefined) return anybody;
  if (auth.kind === "url") {
    return request.method === "HEAD" ? anybody : urlLogin(request, mount, auth, station, host);
  }
  const user = await htpasswdLogin(request, mount, scope, host);
  if (user instanceof Response) return user;
  if (auth.allowDuplicates || request.method === "HEAD") return { ...anybody, user };
  return loggedInOnce(user, mount, request.signal, host);
}

type Link = ListenLink | { readonly kind: "elsewhere" };

async function linkOf(
  request: Request,
  mount: MountPath,
  keys: readonly string[],
  host: Host,
): Promise<Link> {
  const query = new URL(request.url).search.slice(1);
  const link = await readListenLink(mount, query, keys, Date.now());
  if (link.kind !== "granted" || link.grant.address === undefined) return link;
  const from = await clientAddress(request.headers, host.env);
  return from !== null && from === addressGroup(link.grant.address) ? link : { kind: "elsewhere" };
}

function refusalOf(kind: Exclude<Link["kind"], "granted">): Response {
  switch (kind) {
    case "unsigned":
      return forbidden("this stream needs a signed link");
    case "forged":
      return forbidden("this link is not valid");
    case "expired":
      return forbidden("this link has expired");
    case "elsewhere":
      return forbidden("this link is for another address");
  }
}
