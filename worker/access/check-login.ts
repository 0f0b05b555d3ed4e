import { encodeBase64Url } from "../../shared/base64.ts";
import { verifyPassword } from "../../shared/password-hash.ts";
import type { MountPath } from "../../shared/units.ts";
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

/** Whether a login is that of the source that has a mount, which only the mount's object knows. */
export interface SourceCheck {
  readonly mount: MountPath;
  /** May be asked again and again: what it answers changes as sources come and go. */
  readonly isRight: () => Promise<boolean>;
}

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
  const result = await checkUsers(login, { users }, host);
  if (result.kind === "source") throw new Error("nobody asked for a source");
  return result;
}

/**
 * The same where the login may be a source's as well: what is tried for one is tried for the other, and counts once. A login that is
 * remembered, right or wrong, is looked at by the mount's object each time: it was counted when it was new for that mount.
 */
export const checkLoginOrSource = checkUsers;

async function checkUsers<User extends { readonly hash: string }>(
  login: Login,
  { users, source }: { readonly users: readonly User[]; readonly source?: SourceCheck | undefined },
  host: Host,
): Promise<LoginResult<User> | { readonly kind: "source" }> {
  const candidates = users.slice(0, usersOfOneName);
  const result = await checkHashes({ login, hashes: candidates.map(({ hash }) => hash), source }, host);
  if (result.kind !== "right") return result;
  return { kind: "right", users: candidates.filter((_, index) => result.users.includes(index)) };
}

/** How long this isolate knows that a login would have to wait, ms. */
function slowedMs({ account, address }: Omit<Login, "password">): number {
  const leftMs = (slowed.get(slowedKey(account, address)) ?? 0) - Date.now();
  // A clock that was put back keeps nobody out for longer.
  return leftMs > 0 && leftMs <= addressTries.maxMs ? leftMs : 0;
}

/** By their place among the hashes. */
type Result = LoginResult<number> | { readonly kind: "source" };

/** A login, and whom it is compared with. */
interface Check {
  readonly login: Login;
  readonly hashes: readonly string[];
  readonly source: SourceCheck | undefined;
}

/** Places of the hashes that a login fits: none for a wrong one. */
const memory = new LoginMemory<readonly number[]>(loginMemoryMs, rememberedLogins);
const pending = new Map<string, { readonly done: Promise<Result>; readonly sinceMs: number }>();
/** Until when the object is not asked again. */
const slowed = new Map<string, number>();
/** Holds while the object cannot be asked. */
const ownThrottle = new AccountThrottle();

async function checkHashes(asked: Check, host: Host): Promise<Result> {
  const { login, hashes, source } = asked;
  const print = await fingerprint(login, hashes);
  const waitMs = slowedMs(login);
  const found = memory.get(print, Date.now());
  // Those without an address are all one: whoever guesses among them must not find who was right a moment ago.
  const tellsNobody = login.address !== null || waitMs === 0;
  if (found !== undefined && (source ? found.length > 0 && tellsNobody : found.length === 0 || tellsNobody)) {
    return resultOf(found);
  }
  const sourcePrint = source && (await fingerprint(login, [...hashes, source.mount]));
  if (source && sourcePrint && tellsNobody && memory.get(sourcePrint, Date.now()) !== undefined) {
    return (await source.isRight()) ? { kind: "source" } : { kind: "wrong" };
  }
  if (waitMs > 0) return { kind: "slowed", waitMs };

  const key = sourcePrint ?? print;
  const same = pending.get(key);
  const known = same && (await settledWithin(same.done, accountsCallTimeoutMs));
  if (known) return known;
  if (pendingChecks() >= loginChecksAtOnce) return { kind: "slowed", waitMs: 1_000 };
  const done = check(asked, { print, sourcePrint, host }).finally(() => {
    if (pending.get(key)?.done === done) pending.delete(key);
  });
  pending.set(key, { done, sinceMs: Date.now() });
  host.keepAlive(done.catch(() => undefined));
  return done;
}

async function check(
  { login, hashes, source }: Check,
  {
    print,
    sourcePrint,
    host,
  }: { readonly print: string; readonly sourcePrint: string | undefined; readonly host: Host },
): Promise<Result> {
  const { account, address } = login;
  const { waitMs, known } = await enter({ account, address }, host);
  if (waitMs > 0) {
    noteSlowed(slowedKey(account, address), Date.now() + waitMs);
    return { kind: "slowed", waitMs };
  }
  const wasRight = async (): Promise<void> => {
    const told = accountsOf(host).loginWasRight({ account, address, known });
    ownThrottle.right({ account, address, known }, Date.now());
    // Before the answer: whoever has it may lose its connection at once, and count as unknown for ever.
    await settledWithin(told, accountsCallTimeoutMs);
  };
  const isSource = (await source?.isRight()) === true;
  if (sourcePrint) memory.set(sourcePrint, [], Date.now());
  if (isSource) {
    await wasRight();
    return { kind: "source" };
  }
  const found: number[] = [];
  for (const [index, hash] of hashes.entries()) {
    if (await verifyPassword(login.password, hash)) found.push(index);
  }
  // A name that nobody has, or with an old cheap hash, takes as long as any other.
  if (!hashes.some((hash) => hash.startsWith("$"))) await verifyPassword(login.password, nobodysHash);
  memory.set(print, found, Date.now());
  if (found.length > 0) await wasRight();
  return resultOf(found);
}

const resultOf = (found: readonly number[]): LoginResult<number> =>
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
