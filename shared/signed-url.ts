import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { parseMountPath } from "./mount-path.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { MountPath } from "./units.ts";

/*
 * A link to a mount that needs no password and works until a certain time, format version 1:
 *
 *   https://radio.example/live.mp3?expires=1790000000&user=anna&address=192.0.2.7&signature=Zm9v…
 *
 * | parameter | what                                                                                           |
 * |-----------|------------------------------------------------------------------------------------------------|
 * | expires   | seconds since the Unix epoch; who listens by then may go on                                    |
 * | user      | optional: who it was made for, as administrators see it                                        |
 * | address   | optional: it works from this address alone                                                     |
 * | signature | base64url, without padding, of HMAC-SHA-256 over the lines "skywave-listen-1", the mount        |
 * |           | (decoded), expires, user and address, joined by line feeds; what is absent is an empty line    |
 *
 * Other parameters are not signed. The path is the mount's own: an alias of it is another path.
 */
export interface ListenGrant {
  /** Seconds since the Unix epoch. */
  readonly expires: number;
  readonly user?: string | undefined;
  /** As the listener's server sees it: "192.0.2.7", "2001:db8::7". */
  readonly address?: string | undefined;
}

/** Two machines may disagree about the time by so much. */
export const clockSkewMs = 30_000;

const encoder = new TextEncoder();

/**
 * The link with its grant. `url` names the mount, absolute or from the root, and keeps its query; `key` is base64url, as
 * in the station's settings. Throws MountPathError, and ProtocolError when a value of the grant or the key cannot be.
 */
export async function signListenUrl(url: string, grant: ListenGrant, key: string): Promise<string> {
  if (!isExpiry(String(grant.expires))) throw new ProtocolError(`expected a time, got ${grant.expires}`);
  for (const value of [grant.user, grant.address]) {
    if (value !== undefined && !isPlain(value)) throw new ProtocolError("a grant has a control character");
  }
  const [base = "", query = ""] = url.replace(/#.*$/s, "").split(/\?(.*)/s);
  const text = signedText(parseMountPath(base), grant);
  const signature = encodeBase64Url(await hmac(decodeBase64Url(key), text));
  const parameters = [
    query,
    `expires=${grant.expires}`,
    ...(grant.user ? [`user=${encodeURIComponent(grant.user)}`] : []),
    ...(grant.address ? [`address=${encodeURIComponent(grant.address)}`] : []),
    `signature=${signature}`,
  ];
  return `${base}?${parameters.filter((parameter) => parameter !== "").join("&")}`;
}

export type ListenLink =
  | { readonly kind: "granted"; readonly grant: ListenGrant }
  /** It was made for nobody here: absent or not ours, or its time is over. */
  | { readonly kind: "unsigned" | "forged" | "expired" };

/**
 * What the query of a request for `mount` (without "?") grants. Whether the grant's address is the listener's is left to
 * the caller. Keys that cannot be read are passed over. Total.
 */
export async function readListenLink(
  mount: MountPath,
  query: string,
  keys: readonly string[],
  nowMs: number,
): Promise<ListenLink> {
  const parameters = parseQuery(query);
  const signature = parameters.get("signature");
  if (signature === undefined) return { kind: "unsigned" };
  const expires = parameters.get("expires") ?? "";
  if (!isExpiry(expires)) return { kind: "forged" };
  const grant = {
    expires: Number(expires),
    user: parameters.get("user") || undefined,
    address: parameters.get("address") || undefined,
  };
  if (!isPlain(grant.user ?? "") || !isPlain(grant.address ?? "")) return { kind: "forged" };
  const given = bytesOf(signature);
  const text = signedText(mount, grant);
  let fits = false;
  // All keys, so that the time it takes tells nothing.
  for (const key of keys) {
    const secret = bytesOf(key);
    if (secret && given && isSame(await hmac(secret, text), given)) fits = true;
  }
  if (!fits) return { kind: "forged" };
  return nowMs > grant.expires * 1_000 + clockSkewMs ? { kind: "expired" } : { kind: "granted", grant };
}

const signedText = (mount: MountPath, { expires, user, address }: ListenGrant): string =>
  ["skywave-listen-1", mount, expires, user ?? "", address ?? ""].join("\n");

const isExpiry = (text: string): boolean => /^[1-9]\d{0,10}$/.test(text);

const isPlain = (text: string): boolean => text.length <= 256 && !/\p{Cc}/u.test(text);

/** Of several of one name the first counts. */
function parseQuery(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of query.split("&", 64)) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    if (found.has(name)) continue;
    try {
      found.set(name, decodeURIComponent(part.slice(equals < 0 ? part.length : equals + 1)));
    } catch {
      // Of another's parameters; ours are never written so.
    }
  }
  return found;
}

function bytesOf(text: string): Uint8Array | null {
  try {
    return decodeBase64Url(text);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" } as const;
  const imported = await crypto.subtle.importKey("raw", new Uint8Array(key), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

/** Looks at every byte, whatever the first ones say. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) differences |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return differences === 0;
}
