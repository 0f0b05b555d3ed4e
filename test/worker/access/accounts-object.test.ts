import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mountPath } from "../../../shared/mount-path.ts";
import { auditEntries, maxFallbackOverrides, maxListenerUserChanges } from "../../../worker/access/limits.ts";
import { accountsOn, FakeStorage, hostWith } from "./stored-accounts.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));
const { AccountsObject } = await import("../../../worker/access/accounts-object.ts");
const { audit, auditLog } = await import("../../../worker/access/audit.ts");

const live = mountPath("/live.mp3");
const other = mountPath("/other.mp3");
const visitor = { name: "ada", role: "admin", address: "192.0.2.1" } as const;
/** With a mistyped password each time. */
const login = { account: "user ada", address: "192.0.2.1" };

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

describe("the audit log", () => {
  it("has what was done, by whom and from where, the newest first", async () => {
    const { object } = accountsOn(AccountsObject);
    const host = hostWith(object);
    await audit(visitor, "killsource", { mount: live }, host);
    vi.setSystemTime(1_000_500);
    await audit({ name: "bob", role: "operator" }, "killclient", { mount: other, id: "7" }, host);
    expect(await auditLog(host, 10)).toEqual([
      {
        sequence: 2,
        atMs: 1_000_500,
        user: "bob",
        role: "operator",
        address: null,
        action: "killclient",
        details: { mount: other, id: "7" },
      },
      {
        sequence: 1,
        atMs: 1_000_000,
        user: "ada",
        role: "admin",
        address: "192.0.2.1",
        action: "killsource",
        details: { mount: live },
      },
    ]);
    expect(await auditLog(host, 1)).toHaveLength(1);
    expect(await auditLog(host, -1)).toEqual([]);
  });

  it("has no secrets, and no more of a text than fits", async () => {
    const { object } = accountsOn(AccountsObject);
    const host = hostWith(object);
    const details = { username: "x".repeat(300), password: "hunter2", pass: "hunter2", csrf: "hunter2" };
    await audit(visitor, "manageauth", details, host);
    const [entry] = await auditLog(host);
    expect(entry?.details).toEqual({ username: "x".repeat(256) });
  });

  it("takes any text", async () => {
    const { object } = accountsOn(AccountsObject);
    const host = hostWith(object);
    await audit({ ...visitor, name: "'; DROP TABLE audit; --" }, "\ud800", { mount: "/\u0000" }, host);
    expect(await auditLog(host)).toMatchObject([{ user: "'; DROP TABLE audit; --", action: "\ufffd" }]);
  });

  it("is bounded, and goes on counting over a restart", () => {
    const storage = new FakeStorage();
    const { object } = accountsOn(AccountsObject, storage);
    const record = { user: "ada", role: "admin", address: null, action: "metadata", details: {} } as const;
    for (let at = 0; at < auditEntries + 5; at++) object.note(record);
    const again = accountsOn(AccountsObject, storage).object;
    again.note(record);
    const log = again.auditLog(Number.POSITIVE_INFINITY);
    expect(log).toHaveLength(auditEntries);
    expect(log[0]?.sequence).toBe(auditEntries + 6);
    expect(log.at(-1)?.sequence).toBe(7);
  });
});

describe("logins", () => {
  async function slow(object: InstanceType<typeof AccountsObject>, from: (at: number) => string | null) {
    for (let at = 0; at < 100; at++) await object.tryLogin({ ...login, address: from(at) });
  }

  it("are slowed once too many were wrong", async () => {
    const { object } = accountsOn(AccountsObject);
    expect(await object.tryLogin(login)).toEqual({ waitMs: 0, known: false });
    await slow(object, () => login.address);
    expect((await object.tryLogin(login)).waitMs).toBeGreaterThan(0);
  });

  it("are looked at whatever others try, from where the account has logged in, also after a restart", async () => {
    const storage = new FakeStorage();
    const { object } = accountsOn(AccountsObject, storage);
    await object.loginWasRight({ ...login, known: false });
    const again = accountsOn(AccountsObject, storage).object;
    await slow(again, (at) => `198.51.100.${at}`);
    expect(await again.tryLogin(login)).toEqual({ waitMs: 0, known: true });
    expect(await again.tryLogin({ ...login, address: "203.0.113.1" })).toMatchObject({ known: false });
    expect((await again.tryLogin({ ...login, address: null })).waitMs).toBeGreaterThan(0);
  });

  it("of another account from that address are not known", async () => {
    const { object } = accountsOn(AccountsObject);
    await object.loginWasRight({ ...login, known: false });
    expect(await object.tryLogin({ ...login, account: "user bob" })).toEqual({ waitMs: 0, known: false });
  });
});

describe("fallbacks", () => {
  it("are told to the directory, all that are set", async () => {
    const { object, told } = accountsOn(AccountsObject);
    expect(await object.overrideFallback(live, other)).toBe(true);
    expect(await object.overrideFallback(other, live)).toBe(true);
    expect(told.fallbacks).toEqual({ [live]: other, [other]: live });
    expect(await object.overrideFallback(live, null)).toBe(true);
    expect(told.fallbacks).toEqual({ [other]: live });
  });

  it("are so many at most", async () => {
    const { object } = accountsOn(AccountsObject);
    for (let at = 0; at < maxFallbackOverrides; at++)
      await object.overrideFallback(mountPath(`/${at}`), live);
    expect(await object.overrideFallback(live, other)).toBe(false);
    expect(await object.overrideFallback(mountPath("/7"), other)).toBe(true);
  });
});

describe("changes of listener users", () => {
  const change = { scope: "/*", name: "anna", kind: "added", hash: "0".repeat(32) } as const;

  it("are told to whoever does not have them yet", () => {
    const storage = new FakeStorage();
    const { object } = accountsOn(AccountsObject, storage);
    const before = object.changes(null);
    expect(before?.listenerUsers).toEqual([]);
    object.changeListenerUser(change);
    const after = accountsOn(AccountsObject, storage).object.changes(before?.version ?? null);
    expect(after?.listenerUsers).toEqual([change]);
    expect(object.changes(after?.version ?? null)).toBeNull();
    object.forgetListenerUser(change.scope, change.name);
    expect(object.changes(after?.version ?? null)?.listenerUsers).toEqual([]);
  });

  it("are so many at most", () => {
    const { object } = accountsOn(AccountsObject);
    for (let at = 0; at < maxListenerUserChanges; at++)
      object.changeListenerUser({ ...change, name: `${at}` });
    expect(object.changeListenerUser(change)).toBe(false);
    expect(object.changeListenerUser({ ...change, name: "7", kind: "deleted" })).toBe(true);
  });
});
