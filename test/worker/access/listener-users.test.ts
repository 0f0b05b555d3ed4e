import { beforeEach, describe, expect, it, vi } from "vitest";
import type { EdgeSecrets } from "../../../shared/edge-secrets.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { verifyPassword } from "../../../shared/password-hash.ts";
import { accountsOn, hostWith } from "./stored-accounts.ts";

const told: { secrets: EdgeSecrets } = { secrets: { users: [], signingKeys: [], listeners: {} } };
vi.mock("../../../worker/directory.ts", () => ({
  directoryName: "station",
  secretsOf: async () => told.secrets,
}));
vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    constructor(ctx: unknown) {
      this.ctx = ctx;
    }
  },
}));

const live = mountPath("/live.mp3");
const vip = mountPath("/vip/one.mp3");
const open = mountPath("/open.mp3");
const fileHash = "ec6ef230f1828039ee794566b9c58adc";

const htpasswd = (...users: { name: string; hash: string }[]) => ({
  signed: false,
  auth: { kind: "htpasswd" as const, allowDuplicates: true, users },
});
function tell(listeners: EdgeSecrets["listeners"]): void {
  told.secrets = { users: [], signingKeys: [], listeners };
}

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal("scheduler", {
    wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  });
  tell({
    "/*": { signed: true },
    "/vip/*": htpasswd({ name: "anna", hash: fileHash }, { name: "ben", hash: fileHash }),
    [live]: htpasswd(),
  });
});

/** A new isolate, on an object of its own. */
async function isolate() {
  const { AccountsObject } = await import("../../../worker/access/accounts-object.ts");
  const { object } = accountsOn(AccountsObject);
  return { host: hostWith(object), ...(await import("../../../worker/access/listener-users.ts")) };
}
const namesOf = (users: readonly { name: string }[]) => users.map(({ name }) => name);

describe("listener users", () => {
  it("are those of the settings, until somebody is added or deleted", async () => {
    const { host, listenerUsers, listenerUser, addListenerUser, deleteListenerUser } = await isolate();
    expect(await listenerUsers(vip, host)).toEqual([
      { name: "anna", hash: fileHash },
      { name: "ben", hash: fileHash },
    ]);
    expect(await addListenerUser(vip, "cleo", "p1", host)).toBe("added");
    expect(await deleteListenerUser(vip, "anna", host)).toBe("deleted");
    expect(namesOf(await listenerUsers(vip, host))).toEqual(["ben", "cleo"]);
    expect(await listenerUser(vip, "anna", host)).toBeNull();
    const cleo = await listenerUser(vip, "cleo", host);
    expect(cleo?.hash).toMatch(/^\$pbkdf2-sha256\$/);
    expect(await verifyPassword("p1", cleo?.hash ?? "")).toBe(true);
  });

  it("cannot be added twice or deleted twice", async () => {
    const { host, addListenerUser, deleteListenerUser } = await isolate();
    expect(await addListenerUser(vip, "anna", "p1", host)).toBe("exists");
    expect(await addListenerUser(live, "anna", "p1", host)).toBe("added");
    expect(await addListenerUser(live, "anna", "p2", host)).toBe("exists");
    expect(await deleteListenerUser(live, "anna", host)).toBe("deleted");
    expect(await deleteListenerUser(live, "anna", host)).toBe("absent");
    expect(await deleteListenerUser(vip, "__proto__", host)).toBe("absent");
    expect(await addListenerUser(vip, "__proto__", "p1", host)).toBe("added");
  });

  it("can be deleted and added anew with another password", async () => {
    const { host, listenerUser, addListenerUser, deleteListenerUser } = await isolate();
    await deleteListenerUser(vip, "anna", host);
    expect(await addListenerUser(vip, "anna", "p9", host)).toBe("added");
    expect(await verifyPassword("p9", (await listenerUser(vip, "anna", host))?.hash ?? "")).toBe(true);
    expect(await deleteListenerUser(vip, "anna", host)).toBe("deleted");
    expect(await listenerUser(vip, "anna", host)).toBeNull();
  });

  it("are shared by the mounts of one pattern, and by no others", async () => {
    const { host, listenerUsers, addListenerUser } = await isolate();
    await addListenerUser(vip, "cleo", "p1", host);
    expect(namesOf(await listenerUsers(mountPath("/vip/two.mp3"), host))).toEqual(["anna", "ben", "cleo"]);
    expect(await listenerUsers(live, host)).toEqual([]);
  });

  it("are none where listeners log in otherwise or not at all", async () => {
    const { host, listenerUsers, addListenerUser, deleteListenerUser } = await isolate();
    expect(await listenerUsers(open, host)).toEqual([]);
    expect(await addListenerUser(open, "anna", "p1", host)).toBe("no-auth");
    expect(await deleteListenerUser(open, "anna", host)).toBe("no-auth");
    expect(await addListenerUser(mountPath("/a/b/c.mp3"), "anna", "p1", host)).toBe("no-auth");
  });

  it("who were deleted are back when the settings have them with another password", async () => {
    const { host, listenerUsers, deleteListenerUser } = await isolate();
    await deleteListenerUser(vip, "anna", host);
    tell({ "/vip/*": htpasswd({ name: "anna", hash: fileHash }) });
    expect(await listenerUsers(vip, host)).toEqual([]);
    tell({ "/vip/*": htpasswd({ name: "anna", hash: "0".repeat(32) }) });
    expect(namesOf(await listenerUsers(vip, host))).toEqual(["anna"]);
  });
});

describe("the rules for a mount's listeners", () => {
  it("are its own, else those of the last pattern that it matches, whole", async () => {
    const { listenerRules } = await isolate();
    const { secrets } = told;
    expect(listenerRules(secrets, live)?.scope).toBe(live);
    expect(listenerRules(secrets, vip)).toMatchObject({ scope: "/vip/*", signed: false });
    expect(listenerRules(secrets, open)).toEqual({ scope: "/*", signed: true });
    expect(listenerRules(secrets, mountPath("/a/b"))).toBeNull();
    tell({ "/v*/*": htpasswd(), "/*/*.mp3": { signed: true } });
    expect(listenerRules(told.secrets, vip)).toEqual({ scope: "/*/*.mp3", signed: true });
  });
});
