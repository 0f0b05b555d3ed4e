import { expect, test } from "vitest";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { CredentialCheck } from "../../ingest/credentials.ts";
import { mountPath } from "../../shared/mount-path.ts";

const mount = mountPath("/m");
const secrets = {
  sourcePassword: "pw",
  adminUser: "admin",
  adminPassword: "admin-pw",
  mounts: new Map(),
  shoutcastMount: "/stream",
  ingestToken: "token",
};
/** How an ingest host with these settings names the login to a mount. */
const named = (changes: Partial<IngestSettings> = {}, at = mount): string =>
  new CredentialCheck({ now: { ...secrets, ...changes } }).sourceCredential(at);

test("a login has one name on every host of the station, in 32 characters", () => {
  expect(named()).toMatch(/^[\w-]{32}$/);
  expect(named({ adminPassword: "other", shoutcastMount: "/other" })).toBe(named());
  const own = new Map([["/m", { username: "source", password: "pw" }]]);
  expect(named({ sourcePassword: "of the others", mounts: own })).toBe(named());
});

test.each<[string, string]>([
  ["another password", named({ sourcePassword: "pw2" })],
  ["a password of the mount's own", named({ mounts: new Map([["/m", { password: "own" }]]) })],
  ["another user", named({ mounts: new Map([["/m", { username: "dj" }]]) })],
  ["another mount", named({}, mountPath("/n"))],
  ["another station", named({ ingestToken: "token2" })],
])("%s: another name", (_, name) => {
  expect(name).not.toBe(named());
});
