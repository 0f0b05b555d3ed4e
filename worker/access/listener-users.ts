import type { EdgeSecrets, ListenerAuth } from "../../shared/edge-secrets.ts";
import { isPattern, matchesMount } from "../../shared/mount-pattern.ts";
import { hashPassword } from "../../shared/password-hash.ts";
import type { MountPath } from "../../shared/units.ts";
import { secretsOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { accountChanges, accountsChanged, accountsOf } from "./accounts.ts";
import type { AccountChanges, ListenerUserChange } from "./accounts-object.ts";
import { maxListenerUserChanges } from "./limits.ts";

/** Somebody who may listen where the station asks for it. */
export interface ListenerUser {
  readonly name: string;
  readonly hash: string;
}

/** What the station says of a mount's listeners. */
export interface ListenerRules {
  /** The mount or the pattern that says it: mounts of one pattern have the same users. */
  readonly scope: string;
  readonly auth?: ListenerAuth | undefined;
  readonly signed: boolean;
}

/** The most particular rules count whole: the mount's own, else those of the last pattern that it matches. */
export function listenerRules(
  { listeners }: Pick<EdgeSecrets, "listeners">,
  mount: MountPath,
): ListenerRules | null {
  const own = Object.hasOwn(listeners, mount) ? listeners[mount] : undefined;
  if (own) return { scope: mount, ...own };
  const [scope, rules] = Object.entries(listeners).findLast(
    ([name]) => isPattern(name) && matchesMount(name, mount),
  ) ?? [undefined, undefined];
  return scope === undefined ? null : { scope, ...rules };
}

/** Whether everybody may listen to a mount; not while nobody can say it. */
export const isForAnybody = (secrets: Pick<EdgeSecrets, "listeners"> | null, mount: MountPath): boolean =>
  secrets !== null && listenerRules(secrets, mount) === null;

/** Those who may listen to a mount, as the settings and administrators have it; none where it has no accounts. */
export async function listenerUsers(mount: MountPath, host: Host): Promise<ListenerUser[]> {
  const accounts = await accountsFor(mount, host);
  return accounts ? [...accounts.users].map(([name, hash]) => ({ name, hash })) : [];
}

/** One of them. */
export async function listenerUser(mount: MountPath, name: string, host: Host): Promise<ListenerUser | null> {
  const hash = (await accountsFor(mount, host))?.users.get(name);
  return hash === undefined ? null : { name, hash };
}

/** Rejects when it cannot be stored, or too many changes are. "no-auth": the mount has no accounts here. */
export async function addListenerUser(
  mount: MountPath,
  name: string,
  password: string,
  host: Host,
): Promise<"added" | "exists" | "no-auth"> {
  const accounts = await accountsFor(mount, host);
  if (!accounts) return "no-auth";
  if (accounts.users.has(name)) return "exists";
  const hash = await hashPassword(password);
  await change({ scope: accounts.scope, name, kind: "added", hash }, host);
  return "added";
}

export async function deleteListenerUser(
  mount: MountPath,
  name: string,
  host: Host,
): Promise<"deleted" | "absent" | "no-auth"> {
  const accounts = await accountsFor(mount, host);
  if (!accounts) return "no-auth";
  if (!accounts.users.has(name)) return "absent";
  const { scope } = accounts;
  const hash = accounts.told.get(name);
  if (hash === undefined) {
    await accountsOf(host).forgetListenerUser(scope, name);
    await accountsChanged(host);
  } else {
    await change({ scope, name, kind: "deleted", hash }, host);
  }
  return "deleted";
}

async function change(made: ListenerUserChange, host: Host): Promise<void> {
  const kept = await accountsOf(host).changeListenerUser(made);
  if (!kept) throw new Error(`${maxListenerUserChanges} listener users are changed already`);
  await accountsChanged(host);
}

/** Accounts by name. */
type Users = ReadonlyMap<string, string>;

interface ScopedAccounts {
  readonly scope: string;
  /** As the settings have them. */
  readonly told: Users;
  readonly users: Users;
}

/** Null where listeners have no accounts of the station's. */
async function accountsFor(mount: MountPath, host: Host): Promise<ScopedAccounts | null> {
  const [secrets, changes] = await Promise.all([secretsOf(host), accountChanges(host)]);
  const rules = listenerRules(secrets, mount);
  if (rules?.auth?.kind !== "htpasswd") return null;
  const { scope, auth } = rules;
  const known = accounts.get(auth.users);
  if (known?.version === changes.version && known.scope === scope) return known;
  const told = known?.told ?? new Map(auth.users.map(({ name, hash }) => [name, hash]));
  const made = { scope, version: changes.version, told, users: withChanges(told, changes, scope) };
  accounts.set(auth.users, made);
  return made;
}

/** By the list that the settings have: a station may have 100,000 listener users, and each listener asks for one. */
const accounts = new WeakMap<readonly ListenerUser[], ScopedAccounts & { readonly version: number }>();

/** What administrators added goes before the settings; what they deleted is gone while the settings have the same. */
export function withChanges(told: Users, { listenerUsers: changes }: AccountChanges, scope: string): Users {
  const users = new Map(told);
  for (const { scope: changed, name, kind, hash } of changes) {
    if (changed !== scope) continue;
    if (kind === "added") users.set(name, hash);
    else if (users.get(name) === hash) users.delete(name);
  }
  return users;
}
