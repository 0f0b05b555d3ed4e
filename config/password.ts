import { createHmac, pbkdf2Sync } from "node:crypto";

/** As `shared/password-hash.ts` has it, which hashes without waiting for nobody. */
const iterations = 100_000;
const hashBytes = 32;
const saltBytes = 16;

/**
 * The hash of a password from the settings. Its salt follows from the account and the ingest token, so that every host
 * of the station tells the edge the same one, at each start.
 */
export function settledHash(password: string, account: string, ingestToken: string): string {
  const key = `${account}\0${password}\0${ingestToken}`;
  const known = hashes.get(key);
  if (known !== undefined) return known;
  const salt = createHmac("sha256", ingestToken)
    .update(`password of ${account}`)
    .digest()
    .subarray(0, saltBytes);
  const hash = hashPassword(password, salt);
  if (hashes.size >= rememberedHashes) hashes.clear();
  hashes.set(key, hash);
  return hash;
}

/** In the format of `shared/password-hash.ts`. */
export function hashPassword(password: string, salt: Uint8Array): string {
  const hash = pbkdf2Sync(password, salt, iterations, hashBytes, "sha256");
  return `$pbkdf2-sha256$i=${iterations}$${Buffer.from(salt).toString("base64url")}$${hash.toString("base64url")}`;
}

/** A hash takes some 30 ms, and a station is read again and again. */
const hashes = new Map<string, string>();
const rememberedHashes = 2_000;
