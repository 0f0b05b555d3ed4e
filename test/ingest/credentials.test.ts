import { expect, test } from "vitest";
import type { IngestMount, IngestSettings } from "../../config/ingest-settings.ts";
import { PasswordCheck } from "../../ingest/access/password-check.ts";
import { UrlAuth } from "../../ingest/access/url-call.ts";
import { CredentialCheck } from "../../ingest/credentials.ts";
import { openLog } from "../../ingest/log.ts";
import { noSecrets } from "../../shared/edge-secrets.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";

const mount = mountPath("/m");
const secrets = {
  sourcePassword: "pw",
  adminUser: "admin",
  adminPassword: "admin-pw",
  edgeSecrets: noSecrets,
  mounts: new Map<string, IngestMount>(),
  shoutcastMount: "/stream",
  ingestToken: "token",
};
const log = openLog("silent");
const identity = () => ({ hostname: "h", port: 1, serverId: "s" });
const urlAuth = new UrlAuth({ identity, log });
/** Hashes of these tests are the passwords themselves. */
const passwords = () => new PasswordCheck(async (password, hash) => password === hash);
const check = (changes: Partial<IngestSettings> = {}) =>
  new CredentialCheck({ settings: { now: { ...secrets, ...changes } }, passwords: passwords(), urlAuth });
const source = { ip: "127.0.0.1", admin: false };

/** How an ingest host with these settings names the usual login to a mount. */
async function named(changes: Partial<IngestSettings> = {}, at = mount): Promise<string> {
  const own = { user: "source", password: changes.sourcePassword ?? "pw", ...rulesAt(changes, at) };
  const login = await check(changes).sourceLogin(at, own, source);
  if (login.kind !== "login") throw new Error(login.reason);
  return login.credential;
}
function rulesAt({ mounts }: Partial<IngestSettings>, at: MountPath) {
  const { username, password } = mounts?.get(at) ?? {};
  return { ...(username !== undefined && { user: username }), ...(password !== undefined && { password }) };
}

test("a login has one name on every host of the station, in 32 characters", async () => {
  expect(await named()).toMatch(/^[\w-]{32}$/);
  expect(await named({ adminPassword: "other", shoutcastMount: "/other" })).toBe(await named());
  const own = new Map([["/m", { username: "source", password: "pw" }]]);
  expect(await named({ sourcePassword: "of the others", mounts: own })).toBe(await named());
});

test.each<[string, Partial<IngestSettings>, MountPath]>([
  ["another password", { sourcePassword: "pw2" }, mount],
  ["a password of the mount's own", { mounts: new Map([["/m", { password: "own" }]]) }, mount],
  ["another user", { mounts: new Map([["/m", { username: "dj" }]]) }, mount],
  ["another mount", {}, mountPath("/n")],
  ["another station", { ingestToken: "token2" }, mount],
])("%s: another name", async (_, changes, at) => {
  expect(await named(changes, at)).not.toBe(await named());
});

test.each<[string, string, string, string, string]>([
  ["/m", "source", "pw", "login", "the station's password where the mount has none"],
  ["/m", "dj", "pw", "wrong-password", "another user"],
  ["/live/a", "source", "pattern", "login", "a password for a pattern of mounts"],
  ["/live/a", "source", "pw", "wrong-password", "the station's where a pattern has one"],
  ["/live/own", "me", "mine", "login", "what the mount says before what its pattern says"],
  ["/live/own", "me", "pattern", "wrong-password", "the pattern's where the mount has its own"],
  ["/half", "half", "pw", "login", "a user of its own with the station's password"],
])("%s as %s:%s: %s (%s)", async (at, user, password, kind) => {
  const mounts = new Map<string, IngestMount>([
    ["/live/*", { password: "pattern" }],
    ["/live/own", { username: "me", password: "mine" }],
    ["/half", { username: "half" }],
  ]);
  const login = await check({ mounts }).sourceLogin(mountPath(at), { user, password }, source);
  expect(login.kind).toBe(kind);
});

test("admins and operators of the station set titles, its viewers and relays do not", async () => {
  const roles = ["admin", "operator", "viewer", "relay"] as const;
  const users = roles.map((role) => ({ name: role, role, hash: "right" }));
  const tested = check({ edgeSecrets: { ...noSecrets, users }, adminUser: "root" });
  const may = (user: string, password = "right") => tested.mayOperate({ user, password }, source);
  expect(await Promise.all(roles.map((role) => may(role)))).toEqual([true, true, false, false]);
  expect(await may("operator", "wrong")).toBe(false);
  expect(await may("root", "admin-pw")).toBe(true);
});

test("a DJ without slots holds always, beside the mount's own password", async () => {
  const mounts = new Map([["/m", { djs: [{ name: "ann", hash: "ann-pw", slots: [] }] }]]);
  const tested = check({ mounts });
  const at = async (user: string, password: string) => {
    const login = await tested.sourceLogin(mount, { user, password }, source);
    return login.kind === "login" ? login.user : login.kind;
  };
  expect(await at("ann", "ann-pw")).toBe("ann");
  expect(await at("ann", "wrong")).toBe("wrong-password");
  expect(await at("source", "pw")).toBe("source");
});
