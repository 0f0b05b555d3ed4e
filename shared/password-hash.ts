import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * How passwords are kept: `$pbkdf2-sha256$i=<iterations>$<salt>$<hash>`, salt and hash as base64url without padding.
 * PBKDF2 (RFC 8018 §5.2) with HMAC-SHA-256 is what Node and Workers both have without code of ours. Read as well, never written:
 * 32 hexadecimal digits, the MD5 of the password, as Icecast's htpasswd files have them.
 */

/** The most that Workers compute in production. */
const iterations = 100_000;
const saltBytes = 16;
const hashBytes = 32;
/** Bounds of what is read: an operator may have made hashes elsewhere. */
const maxSaltBytes = 64;

/** MD5 of these bytes, 16 bytes. */
export type Md5 = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

const encoder = new TextEncoder();

/** `salt` is 16 random bytes unless given. */
export async function hashPassword(
  password: string,
  salt: Uint8Array = crypto.getRandomValues(new Uint8Array(saltBytes)),
): Promise<string> {
  const hash = await derive(password, salt, iterations);
  return `$pbkdf2-sha256$i=${iterations}$${encodeBase64Url(salt)}$${encodeBase64Url(hash)}`;
}

/**
 * Whether it is the password that was hashed; false for a hash that is none. Takes the same time for all hashes with the same
 * parameters, whatever the password. `md5` is for hosts whose Web Crypto has none (Node's): by default it is Workers'.
 */
export async function verifyPassword(
  password: string,
  hash: string,
  md5: Md5 = workersMd5,
): Promise<boolean> {
  const kept = parse(hash);
  if (!kept) return false;
  if (kept.kind === "md5") return equal(await md5(encoder.encode(password)), kept.hash);
  return equal(await derive(password, kept.salt, kept.iterations), kept.hash);
}

type KeptHash =
  | { readonly kind: "md5"; readonly hash: Uint8Array }
  | {
      readonly kind: "pbkdf2";
      readonly iterations: number;
      readonly salt: Uint8Array;
      readonly hash: Uint8Array;
    };

/** Whether `verifyPassword` can read it. */
export const isPasswordHash = (text: string): boolean => parse(text) !== null;

function parse(text: string): KeptHash | null {
  if (/^[0-9a-f]{32}$/i.test(text)) return { kind: "md5", hash: fromHex(text) };
  const parts = /^\$pbkdf2-sha256\$i=([1-9]\d{0,5})\$([\w-]{1,128})\$([\w-]{43})$/.exec(text);
  const [, rounds = "", salt = "", hash = ""] = parts ?? [];
  if (!parts || Number(rounds) > iterations) return null;
  try {
    const kept = { iterations: Number(rounds), salt: decodeBase64Url(salt), hash: decodeBase64Url(hash) };
    const fits = kept.salt.length <= maxSaltBytes && kept.hash.length === hashBytes;
    return fits ? { kind: "pbkdf2", ...kept } : null;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

async function derive(password: string, salt: Uint8Array, rounds: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", encoder.encode(password), "PBKDF2", false, ["deriveBits"]);
  const algorithm = {
    name: "PBKDF2",
    hash: "SHA-256",
    salt: new Uint8Array(salt),
    iterations: rounds,
  } as const;
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * hashBytes));
}

const workersMd5: Md5 = async (bytes) => new Uint8Array(await crypto.subtle.digest("MD5", bytes));

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}

/** Looks at every byte, whatever the first ones say. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) differences |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return differences === 0;
}
