import type { EdgeSecrets, ListenerAuth } from "../shared/edge-secrets.ts";
import { isPattern, settingsOfMount } from "../shared/mount-pattern.ts";
import type { MountPath } from "../shared/units.ts";
import { readHtpasswd } from "./htpasswd.ts";
import { settledHash } from "./password.ts";
import type { Station } from "./station.ts";
import type { ListenerAuthTable, MountTable } from "./station-mount.ts";
import { defined, withoutLogin } from "./values.ts";

interface Given {
  readonly adminPassword: string;
  readonly ingestToken: string;
  /** An absolute path from one in the station file. */
  readonly resolve: (path: string) => string;
}

const usualAcceptHeader = { name: "icecast-auth-user", value: "1" };
const usualTimelimitHeader = "icecast-auth-timelimit";

/** What the edge must know of who may do what; reads the htpasswd files. */
export function edgeSecrets(
  station: Pick<Station, "admin" | "user" | "signed_urls" | "mounts">,
  { adminPassword, ingestToken, resolve }: Given,
): EdgeSecrets {
  const { admin, user, signed_urls } = station;
  const users: EdgeSecrets["users"] = [
    { name: admin.user, role: "admin", hash: settledHash(adminPassword, admin.user, ingestToken) },
    ...user.map(({ name, role, password, hash }) => ({
      name,
      role,
      hash: hash ?? settledHash(password ?? "", name, ingestToken),
    })),
  ];
  const listeners: EdgeSecrets["listeners"] = {};
  for (const { mount, rules } of listenerRules(station)) {
    const auth = rules.listener_auth && listenerAuth(rules.listener_auth, resolve);
    listeners[mount] = { ...(auth ? { auth } : {}), signed: rules.signed_urls ?? false };
  }
  return { users, signingKeys: [...signed_urls.keys], listeners };
}

/** What is wrong with the htpasswd files: who is in them gets in nevertheless. */
export function htpasswdNotes({ mounts }: Pick<Station, "mounts">, resolve: Given["resolve"]): string[] {
  return Object.entries(mounts).flatMap(([mount, { listener_auth: auth }]) => {
    if (auth?.type !== "htpasswd" || auth.file === undefined) return [];
    return readHtpasswd(resolve(auth.file)).notes.map((note) => `listeners of ${mount}: ${note}`);
  });
}

type ListenerRules = Pick<MountTable, "listener_auth" | "signed_urls">;

/**
 * The edge takes the most particular of these whole, so each has what the patterns around it say as well: a table that
 * says nothing of who may listen opens nothing.
 */
function listenerRules({ mounts }: Pick<Station, "mounts">): { mount: string; rules: ListenerRules }[] {
  const said = Object.entries(mounts).map(([mount, { listener_auth, signed_urls }]) => {
    return [mount, defined({ listener_auth, signed_urls })] as const;
  });
  return said.flatMap(([mount, own], index) => {
    if (Object.keys(own).length === 0) return [];
    const around = isPattern(mount) ? said.slice(0, index) : said.filter(([name]) => name !== mount);
    const before = settingsOfMount<ListenerRules>(Object.fromEntries(around), mount as MountPath);
    return [{ mount, rules: { ...before, ...own } }];
  });
}

function listenerAuth(table: ListenerAuthTable, resolve: Given["resolve"]): ListenerAuth | undefined {
  if (table.type === "none") return undefined;
  if (table.type === "url") return urlAuth(table);
  const users = table.file === undefined ? [] : readHtpasswd(resolve(table.file)).users;
  return { kind: "htpasswd", users: [...users], allowDuplicates: table.allow_duplicate_users ?? true };
}

/** One login for both URLs, as in Icecast; one that stands in a URL goes before it. */
function urlAuth(table: ListenerAuthTable): ListenerAuth {
  const add = withoutLogin(table.listener_add);
  const remove = withoutLogin(table.listener_remove);
  const [, name, value = ""] = /^([^:]*):(.*)$/.exec(table.accept_header ?? "") ?? [];
  return {
    kind: "url",
    ...defined({
      listenerAdd: add?.url,
      listenerRemove: remove?.url,
      username: add?.username ?? remove?.username ?? table.username,
      password: add?.password ?? remove?.password ?? table.password,
    }),
    acceptHeader: name === undefined ? usualAcceptHeader : { name, value: value.trim() },
    timelimitHeader: table.timelimit_header ?? usualTimelimitHeader,
    headers: [...(table.headers ?? [])],
    headerPrefix: table.header_prefix ?? "",
  };
}
