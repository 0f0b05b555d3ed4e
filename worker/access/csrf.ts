import { decodeBase64Url, encodeBase64Url } from "../../shared/base64.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { Host } from "../mount-feed.ts";
import { replyHeaders } from "../reply-headers.ts";
import { forwardedHost } from "../request-host.ts";
import { edgeSecret } from "./accounts.ts";
import type { Visitor } from "./admit.ts";
import { confirmationPage } from "./confirmation-page.ts";
import { csrfField, csrfHeader } from "./csrf-names.ts";
import { csrfHours, formBytes } from "./limits.ts";

/**
 * Browsers send Basic credentials along with whatever another site has them ask for. So what changes something is done for a browser
 * only when the request says that a page of ours asked for it: by a token that no other site can have, or, where no other site can
 * send such a request without asking us first, by the browser's own word. A script's GET is done as Icecast does it; a browser's gets
 * a page with a button.
 *
 * A token is `<hour>.<mac>`: hours since the Unix epoch, and HMAC-SHA-256 of user and hour as base64url.
 */

/** For forms of this visitor, `csrfHours` long. */
export async function csrfToken({ name }: Pick<Visitor, "name">, host: Host): Promise<string> {
  const hour = currentHour();
  const mac = await crypto.subtle.sign("HMAC", await macKey(host), message(name, hour));
  return `${hour}.${encodeBase64Url(new Uint8Array(mac))}`;
}

/** The reply to a request that is not carried out; null for one that may be. */
export async function guardUnsafe(request: Request, visitor: Visitor, host: Host): Promise<Response | null> {
  if (request.method === "GET" || request.method === "HEAD") {
    return isNavigation(request) ? confirmationPage(request, await csrfToken(visitor, host)) : null;
  }
  if (!isBrowser(request)) return null;
  const token = request.headers.get(csrfHeader) ?? (await formToken(request));
  if (token !== null) return (await isToken(token, visitor, host)) ? null : refused();
  return isAskedFirst(request) && (await isSameOrigin(request, host)) ? null : refused();
}

/** All browsers call themselves Mozilla, and say with each request over TLS whose it is. Node's `fetch` has a Sec-Fetch-Mode too. */
const isNavigation = ({ headers }: Request): boolean =>
  headers.has("Sec-Fetch-Site") || headers.get("User-Agent")?.startsWith("Mozilla/") === true;

const isBrowser = (request: Request): boolean => isNavigation(request) || request.headers.has("Origin");

/** Whether a browser that another site leads here asks before it sends such a request (Fetch Standard, CORS preflight). */
function isAskedFirst({ method, headers }: Request): boolean {
  const type = headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  return method !== "POST" || type === "application/json";
}

/** Where the browser does not say it, as over plain HTTP, the Origin does; without either it is old and asked first. */
async function isSameOrigin({ url, headers }: Request, host: Host): Promise<boolean> {
  const site = headers.get("Sec-Fetch-Site");
  if (site !== null) return site === "same-origin" || site === "none";
  const origin = headers.get("Origin");
  if (origin === null) return true;
  const asked = (await forwardedHost(headers, host.env)) ?? new URL(url).host;
  // Who ends TLS before us is not known here: the scheme may be another.
  return URL.canParse(origin) && new URL(origin).host === asked.toLowerCase();
}

async function isToken(token: string, { name }: Visitor, host: Host): Promise<boolean> {
  const [, hours = "", mac = ""] = /^(\d{1,9})\.([\w-]{43})$/.exec(token) ?? [];
  const age = currentHour() - Number(hours);
  if (mac === "" || age < -1 || age > csrfHours) return false;
  try {
    const shown = new Uint8Array(decodeBase64Url(mac));
    return await crypto.subtle.verify("HMAC", await macKey(host), shown, message(name, Number(hours)));
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Of a form in the body, which is still there afterwards; null without one, and in one that is too large. */
async function formToken(request: Request): Promise<string | null> {
  const type = request.headers.get("Content-Type")?.toLowerCase() ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded") || request.bodyUsed) return null;
  const reader = request.clone().body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { value } = (await reader?.read()) ?? {};
    if (!value) break;
    bytes += value.length;
    if (bytes > formBytes) {
      // Not waited for: a copy is only over when the request itself is.
      void reader?.cancel().catch(() => undefined);
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
  return new URLSearchParams(text).get(csrfField);
}

const currentHour = (): number => Math.floor(Date.now() / 3_600_000);

const message = (name: string, hour: number): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(["csrf", name, hour]));

const macKey = async (host: Host): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", await edgeSecret(host), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);

const refused = (): Response =>
  new Response("This request does not come from a page of this server, or from one that is too old\r\n", {
    status: 403,
    headers: replyHeaders("text/plain; charset=utf-8"),
  });
