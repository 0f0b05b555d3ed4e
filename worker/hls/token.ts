import { decodeBase64Url, encodeBase64Url } from "../../shared/base64.ts";
import type { MountPath } from "../../shared/units.ts";
import { rightTokens } from "./limits.ts";

/**
 * What stands for a listener in the addresses of a playlist: `<id>.<expires>.<mac>`. The id is 48 random bits, expires in seconds
 * since the Unix epoch, both base 36; mac is 96 bits of HMAC-SHA-256, base64url, over "skywave-hls-1", mount, id and expires in lines.
 * The key is the mount's own and never leaves its object and the isolates that serve it.
 */
export interface HlsToken {
  readonly id: string;
  /** Seconds since the Unix epoch; who is listening then may go on. */
  readonly expires: number;
}

const macBytes = 12;
const encoder = new TextEncoder();
const right = new Set<string>();

/** `untilMs`: when its login is good no more, ms since the Unix epoch. */
export async function signToken(mount: MountPath, id: string, key: string, untilMs: number): Promise<string> {
  const expires = Math.ceil(untilMs / 1_000);
  return `${id}.${expires.toString(36)}.${await macOf(mount, id, expires.toString(36), key)}`;
}

/** Null when it was not made here for this mount. */
export async function readToken(mount: MountPath, token: string, key: string): Promise<HlsToken | null> {
  const [, id = "", expires = "", mac = ""] =
    /^([0-9a-z]{1,10})\.([0-9a-z]{1,8})\.([\w-]{16})$/.exec(token) ?? [];
  if (id === "") return null;
  const name = `${mount}\n${key}\n${token}`;
  if (!right.has(name)) {
    if (!isSame(await macOf(mount, id, expires, key), mac)) return null;
    if (right.size >= rightTokens) right.clear();
    right.add(name);
  }
  return { id, expires: Number.parseInt(expires, 36) };
}

export const newKey = (): string => encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)));

/** Of one listener of a mount. */
export function newTokenId(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return ((high % 0x1_0000) * 0x1_0000_0000 + low).toString(36);
}

async function macOf(mount: MountPath, id: string, expires: string, key: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" } as const;
  const secret = await crypto.subtle.importKey(
    "raw",
    new Uint8Array(decodeBase64Url(key)),
    algorithm,
    false,
    ["sign"],
  );
  const text = ["skywave-hls-1", mount, id, expires].join("\n");
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", secret, encoder.encode(text)));
  return encodeBase64Url(mac.subarray(0, macBytes));
}

/** Looks at every character, whatever the first ones say. */
function isSame(a: string, b: string): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) differences |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return differences === 0;
}
