import { encodeBase64Url } from "../../shared/base64.ts";
import { verifyPassword } from "../../shared/password-hash.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import { AccountThrottle, accountGroup } from "./account-throttle.ts";
import { accountsOf } from "./accounts.ts";
import {
  accountsCallTimeoutMs,
  addressTries,
  loginChecksAtOnce,
  loginMemoryMs,
  rememberedLogins,
  slowedLogins,
  usersOfOneName,
} from "./limits.ts";
import { LoginMemory } from "./login-memory.ts";

/** A name and a password that somebody shows. */
export interface Login {
  /** Whose it would be, among all kinds of users: "user admin", "listener /live.mp3 anna". */
  readonly account: string;
  readonly password: string;
  /** As `clientAddress` has it; null where nobody can say. */
  readonly address: string | null;
}

export type LoginResult<User> =
  /** Those of the users whose password it is, one at least. */
  | { readonly kind: "right"; readonly users: readonly User[] }
  | { readonly kind: "wrong" }
  /** It was not looked at. */
  | { readonly kind: "slowed"; readonly waitMs: number };

/**
 * Whether it is the password of any of `users`, those that have the account's name. Takes as long where there is none.
 *
 * In this order: a login that was right a moment ago from the same address is right and costs one HMAC; the same wrong one again is
 * wrong and counts for nothing (a program with an old password slows nobody); then the throttle; then the hash.
 */
export async function checkLogin<User extends { readonly hash: string }>(
  login: Login,
  users: readonly User[],
  host: Host,
): Promise<LoginResult<User>> {
  const candidates = users.slice(0, usersOfOneName);
  const hashes = candidates.map(({ hash }) => hash);
  const result = await checkHashes(login, hashes, host);
  if (result.kind !== "right") return result;
  return { kind: "right", users: candidates.filter((_, index) => result.users.includes(index)) };
}

/** How long this isolate knows that a login would have to wait, ms. */
export function slowedMs({ account, address }: Omit<Login, "password">): number {
  const leftMs = (slowed.get(slowedKey(account, address)) ?? 0) - Date.now();
  // A clock that was put back keeps nobody out for longer.
  return leftMs > 0 && leftMs <= addressTries.maxMs ? leftMs : 0;
}

/** By their place among the hashes. */
type Result = LoginResult<number>;

/** Places of the hashes that a login fits: none for a wrong one. */
const memory = new LoginMemory<readonly number[]>(loginMemoryMs, rememberedLogins);
const pending = new Map<string, { readonly done: Promise<Result>; readonly sinceMs: number }>();
/** Until when the object is not asked again. */
const slowed = new Map<string, number>();
/** Holds while the object cannot be asked. */
const ownThrottle = new AccountThrottle();

async function checkHashes(login: Login, hashes: readonly string[], host: Host): Promise<Result> {
  const print = await fingerprint(login, hashes);
  const waitMs = slowedMs(login);
  const found = memory.get(print, Date.now());
  // Those without an address are all one: whoever guesses among them must not find who was right a moment ago.
  const counts = found !== undefined && (found.length === 0 || login.address !== null || waitMs === 0);
  if (counts) return resultOf(found);
  if (waitMs > 0) return { kind: "slowed", waitMs };

  const same = pending.get(print);
  const known = same && (await settledWithin(same.done, accountsCallTimeoutMs));
  if (known) return known;
  if (pendingChecks() >= loginChecksAtOnce) return { kind: "slowed", waitMs: 1_000 };
  const done = check(login, hashes, { print, host }).finally(() => {
    if (pending.get(print)?.done === done) pending.delete(print);
  });
  pending.set(print, { done, sinceMs: Date.now() });
  host.keepAlive(done.catch(() => undefined));
  return done;
}

async function check(
  login: Login,
  hashes: readonly string[],
  { print, host }: { readonly print: string; readonly host: Host },
): Promise<Result> {
  const { account, address } = login;
  const { waitMs, known } = await enter({ account, address }, host);
  if (waitMs > 0) {
    noteSlowed(slowedKey(account, address), Date.now() + waitMs);
    return { kind: "slowed", waitMs };
  }
  const found: number[] = [];
  for (const [index, hash] of hashes.entries()) {
    if (await verifyPassword(login.password, hash)) found.push(index);
  }
  // A name that nobody has, or with an old cheap hash, takes as long as any other.
  if (!hashes.some((hash) => hash.startsWith("$"))) await verifyPassword(login.password, nobodysHash);
  memory.set(print, found, Date.now());
  if (found.length > 0) {
    const told = accountsOf(host).loginWasRight({ account, address, known });
    ownThrottle.right({ account, address, known }, Date.now());
    // Before the answer: whoever has it may lose its connection at once, and count as unknown for ever.
    await settledWithin(told, accountsCallTimeoutMs);
  }
  return resultOf(found);
}

const resultOf = (found: readonly number[]): Result =>
  found.length > 0 ? { kind: "right", users: found } : { kind: "wrong" };

async function enter(
  { account, address }: Omit<Login, "password">,
  host: Host,
): Promise<{ readonly waitMs: number; readonly known: boolean }> {
  const asked = accountsOf(host).tryLogin({ account, address });
  const told = await settledWithin(Promise.resolve(asked), accountsCallTimeoutMs);
  if (told) return told;
  console.warn("accounts call failed");
  return { waitMs: ownThrottle.enter({ account, address, known: false }, Date.now()), known: false };
}

/** Requests end at any moment, and their checks with them: those are not waited for. */
function pendingChecks(): number {
  for (const [print, { sinceMs }] of pending) {
    if (msSince(sinceMs) > 2 * accountsCallTimeoutMs) pending.delete(print);
  }
  return pending.size;
}

const slowedKey = (account: string, address: string | null): string =>
  `${accountGroup(account)} ${address ?? ""}`;

function noteSlowed(key: string, untilMs: number): void {
  slowed.delete(key);
  slowed.set(key, untilMs);
  const oldest = slowed.keys().next();
  if (slowed.size > slowedLogins && !oldest.done) slowed.delete(oldest.value);
}

/** PBKDF2 of nothing that anybody knows, as dear as all others. */
const nobodysHash = `$pbkdf2-sha256$i=100000$${"A".repeat(22)}$${"A".repeat(43)}`;

/** Made when it is first needed: random bytes cannot be had before a request. */
let fingerprintSecret: Uint8Array<ArrayBuffer> | undefined;

/** Of a login and what it is compared with: tells nothing of either outside of this isolate, and nothing after its end. */
async function fingerprint(login: Login, hashes: readonly string[]): Promise<string> {
  fingerprintSecret ??= crypto.getRandomValues(new Uint8Array(32));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", fingerprintSecret, algorithm, false, ["sign"]);
  const text = JSON.stringify([login.account, login.address, login.password, hashes]);
  return encodeBase64Url(
    new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text))),
  );
}
