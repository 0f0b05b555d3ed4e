import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Role } from "../../../shared/edge-secrets.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import type { LoginTry } from "../../../worker/access/account-throttle.ts";
import { addressTries, loginMemoryMs } from "../../../worker/access/limits.ts";
import { hostWith } from "./stored-accounts.ts";

const users: { name: string; role: Role; hash: string }[] = [];
vi.mock("../../../worker/directory.ts", () => ({
  secretsOf: async () => ({ users, signingKeys: [], listeners: {} }),
  isKnownMount: async (mount: string) => mount === "/live.mp3",
}));

/** Cheap on purpose: what is tested is who is let in. */
function hashOf(password: string): string {
  const hash = pbkdf2Sync(password, "salt", 1, 32, "sha256").toString("base64url");
  return `$pbkdf2-sha256$i=1$${Buffer.from("salt").toString("base64url")}$${hash}`;
}

/** The accounts, and what was asked of them. */
class FakeAccounts {
  tries: Omit<LoginTry, "known">[] = [];
  logins: LoginTry[] = [];
  waitMs = 0;
  known = false;
  fails = false;

  async tryLogin(tried: Omit<LoginTry, "known">) {
    this.tries.push(tried);
    if (this.fails) throw new Error("away");
    return { waitMs: this.waitMs, known: this.known };
  }
  async loginWasRight(tried: LoginTry) {
    this.logins.push(tried);
  }
}

beforeAll(() => {
  Object.assign(crypto.subtle, {
    timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) => timingSafeEqual(Buffer.from(a), Buffer.from(b)),
  });
});
beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers({ now: 1_000_000_000, toFake: ["Date"] });
  vi.stubGlobal("scheduler", {
    wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  });
  users.splice(
    0,
    users.length,
    { name: "ada", role: "admin", hash: hashOf("a-right") },
    { name: "olga", role: "operator", hash: hashOf("o-right") },
    { name: "vera", role: "viewer", hash: hashOf("v-right") },
    { name: "relay", role: "relay", hash: hashOf("r-right") },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** As the Workers runtime has it; until mocks are restored. */
function withMd5(): void {
  const digest = crypto.subtle.digest.bind(crypto.subtle);
  vi.spyOn(crypto.subtle, "digest").mockImplementation(async (algorithm, data) =>
    algorithm === "MD5"
      ? new Uint8Array(
          createHash("md5")
            .update(data as Uint8Array)
            .digest(),
        ).buffer
      : digest(algorithm, data),
  );
}

/** A new isolate. */
async function isolate(env: object = {}) {
  const accounts = new FakeAccounts();
  const host = hostWith(accounts, env);
  const { admit, admitToMount } = await import("../../../worker/access/admit.ts");
  const request = (authorization?: string, address: string | null = "192.0.2.1") =>
    new Request("http://radio.example/admin/stats", {
      headers: {
        ...(authorization !== undefined && { Authorization: authorization }),
        ...(address !== null && { "CF-Connecting-IP": address }),
      },
    });
  const enter = async (
    user: string,
    password: string,
    { may = ["viewer"], address = "192.0.2.1" }: { may?: Role[]; address?: string | null } = {},
  ) => {
    const found = await admit(request(basic(user, password), address), may, host);
    return found instanceof Response ? found.status : found;
  };
  return { accounts, host, request, enter, admit, admitToMount };
}

describe("an administrator's request", () => {
  it("without a login is answered as Icecast does", async () => {
    const { admit, request, host, accounts } = await isolate();
    const reply = await admit(request(), ["admin"], host);
    if (!(reply instanceof Response)) throw new Error("it was let in");
    expect(reply.status).toBe(401);
    expect(reply.statusText).toBe("Authentication Required");
    expect(reply.headers.get("WWW-Authenticate")).toBe('Basic realm="Icecast2 Server"');
    expect(reply.headers.get("Cache-Control")).toContain("no-store");
    expect(await reply.text()).toBe("You need to authenticate\r\n");
    expect(accounts.tries).toEqual([]);
  });

  it.each<[string, string, Role[], unknown]>([
    ["ada", "a-right", ["relay"], "admin"],
    ["ada", "a-right", [], "admin"],
    ["olga", "o-right", ["viewer"], "operator"],
    ["olga", "o-right", ["operator"], "operator"],
    ["olga", "o-right", ["admin"], 403],
    ["vera", "v-right", ["viewer"], "viewer"],
    ["vera", "v-right", ["operator"], 403],
    ["relay", "r-right", ["relay"], "relay"],
    ["relay", "r-right", ["viewer", "operator"], 401],
    ["ada", "wrong", ["viewer"], 401],
    ["nobody", "a-right", ["viewer"], 401],
    ["Ada", "a-right", ["viewer"], 401],
    ["", "", ["viewer"], 401],
  ])("of %s:%s where %j may is %s", async (user, password, may, expected) => {
    const { enter } = await isolate();
    const role =
      typeof expected === "string" ? { name: user, role: expected, address: "192.0.2.1" } : expected;
    expect(await enter(user, password, { may })).toEqual(role);
    // And again, when it is remembered.
    expect(await enter(user, password, { may })).toEqual(role);
  });

  it("has the highest role that its password opens, of users of one name", async () => {
    users.unshift({ name: "ada", role: "relay", hash: hashOf("a-right") });
    const { enter } = await isolate();
    expect(await enter("ada", "a-right")).toMatchObject({ role: "admin" });
    users.splice(1, 1);
    expect(await enter("ada", "a-right")).toBe(401);
  });

  it("is let in with the MD5 hash of an Icecast", async () => {
    users.push({ name: "old", role: "admin", hash: "ec6ef230f1828039ee794566b9c58adc" });
    withMd5();
    const { enter } = await isolate();
    expect(await enter("old", "p1")).toMatchObject({ role: "admin" });
    expect(await enter("old", "p2")).toBe(401);
    vi.restoreAllMocks();
  });
});

describe("a login that is shown again", () => {
  it("is not hashed again while it comes often, and is from the moment its user is gone", async () => {
    const { enter, accounts } = await isolate();
    for (let at = 0; at < 5; at++) {
      expect(await enter("vera", "v-right")).toMatchObject({ role: "viewer" });
      vi.setSystemTime(Date.now() + loginMemoryMs - 1);
    }
    expect(accounts.tries).toHaveLength(1);
    expect(accounts.logins).toEqual([{ account: "user vera", address: "192.0.2.1", known: false }]);
    users.splice(0);
    expect(await enter("vera", "v-right")).toBe(401);
  });

  it("is looked at anew after a while", async () => {
    const { enter, accounts } = await isolate();
    await enter("vera", "v-right");
    vi.setSystemTime(Date.now() + loginMemoryMs);
    await enter("vera", "v-right");
    expect(accounts.tries).toHaveLength(2);
  });

  it("counts once when it comes many times at once", async () => {
    const { enter, accounts } = await isolate();
    const all = await Promise.all(Array.from({ length: 50 }, () => enter("vera", "v-right")));
    expect(all.every((each) => typeof each === "object")).toBe(true);
    expect(accounts.tries).toHaveLength(1);
  });

  it("is wrong for ever without counting: a program with an old password slows nobody", async () => {
    const { enter, accounts } = await isolate();
    for (let at = 0; at < 50; at++) expect(await enter("vera", "v-old")).toBe(401);
    expect(accounts.tries).toHaveLength(1);
  });
});

describe("guessing", () => {
  it("is told to wait, and not looked at meanwhile", async () => {
    const { admit, request, host, accounts, enter } = await isolate();
    accounts.waitMs = 4_200;
    const reply = await admit(request(basic("ada", "guess 1")), ["admin"], host);
    if (!(reply instanceof Response)) throw new Error("it was let in");
    expect(reply.status).toBe(429);
    expect(reply.headers.get("Retry-After")).toBe("5");
    expect(reply.headers.get("WWW-Authenticate")).toBeNull();
    expect(await enter("ada", "guess 2")).toBe(429);
    expect(accounts.tries).toHaveLength(1);
    // Another address asks for itself.
    accounts.waitMs = 0;
    expect(await enter("ada", "a-right", { address: "192.0.2.2" })).toMatchObject({ role: "admin" });
    vi.setSystemTime(Date.now() + 4_200);
    expect(await enter("ada", "a-right")).toMatchObject({ role: "admin" });
  });

  it("keeps nobody out who was there a moment ago", async () => {
    const { accounts, enter } = await isolate();
    await enter("ada", "a-right");
    accounts.waitMs = 60_000;
    for (let at = 0; at < 10; at++) expect(await enter("ada", `guess ${at}`)).toBe(429);
    expect(await enter("ada", "a-right")).toMatchObject({ role: "admin" });
  });

  it("among those whose address nobody knows does not find who was there a moment ago", async () => {
    const { accounts, enter } = await isolate({ REACHED_DIRECTLY: "1" });
    const unknown = { address: null };
    expect(await enter("ada", "a-right", unknown)).toEqual({ name: "ada", role: "admin", address: null });
    accounts.waitMs = 30_000;
    expect(await enter("ada", "guess", unknown)).toBe(429);
    expect(await enter("ada", "a-right", unknown)).toBe(429);
    vi.setSystemTime(Date.now() + 30_000);
    expect(await enter("ada", "a-right", unknown)).toMatchObject({ role: "admin" });
  });

  it("is slowed by the isolate itself while the accounts cannot be asked", async () => {
    const { accounts, enter } = await isolate();
    accounts.fails = true;
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    for (let at = 0; at <= addressTries.free; at++) expect(await enter("ada", `guess ${at}`)).toBe(401);
    expect(await enter("ada", "one more")).toBe(429);
    expect(await enter("vera", "v-right", { address: "192.0.2.2" })).toMatchObject({ role: "viewer" });
    vi.restoreAllMocks();
  });

  it("costs as much for a name that nobody has, and for one with an old hash", async () => {
    users.push({ name: "old", role: "viewer", hash: "ec6ef230f1828039ee794566b9c58adc" });
    withMd5();
    const derive = vi.spyOn(crypto.subtle, "deriveBits");
    const { enter } = await isolate();
    for (const name of ["vera", "nobody", "old"]) {
      derive.mockClear();
      expect(await enter(name, "guess")).toBe(401);
      expect(derive).toHaveBeenCalledTimes(1);
    }
    vi.restoreAllMocks();
  });

  it("many at once is answered without a hash each", async () => {
    const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
    const refused = Promise.withResolvers<void>();
    // No hash is done before all who are refused know it: one that is makes room for the next guess.
    const hashes = vi.spyOn(crypto.subtle, "deriveBits").mockImplementation(async (...given) => {
      await refused.promise;
      return derive(...given);
    });
    const { enter } = await isolate();
    let left = 84;
    const guess = async (at: number) => {
      const status = await enter("ada", `guess ${at}`);
      if (status === 429 && --left === 0) refused.resolve();
      return status;
    };
    const all = await Promise.all(Array.from({ length: 100 }, (_, at) => guess(at)));
    expect(all.filter((status) => status === 401)).toHaveLength(16);
    expect(all.filter((status) => status === 429)).toHaveLength(84);
    expect(hashes).toHaveBeenCalledTimes(16);
    vi.restoreAllMocks();
  });
});

describe("a mount's source", () => {
  const live = mountPath("/live.mp3");
  const held = createHmac("sha256", "token")
    .update("/live.mp3\0source\0s-right")
    .digest("base64url")
    .slice(0, 32);
  const env = {
    INGEST_TOKEN: "token",
    MOUNT: { getByName: () => ({ isHeldBy: async (credential: string) => credential === held }) },
  };

  async function mountIsolate(more: object = {}) {
    const { admitToMount, request, host, ...rest } = await isolate({ ...env, ...more });
    const asSource = async (
      user: string,
      password: string,
      { mount = live, address = "192.0.2.1" }: { mount?: typeof live; address?: string | null } = {},
    ) => {
      const wish = { may: ["operator"] as const, mount };
      const found = await admitToMount(request(basic(user, password), address), wish, host);
      return found instanceof Response ? found.status : found.name;
    };
    return { ...rest, admitToMount, request, host, asSource };
  }

  it("is known by the login that it has the mount with", async () => {
    const { asSource, admitToMount, request, host } = await mountIsolate();
    expect(await asSource("source", "s-right")).toBe("source:/live.mp3");
    expect(await asSource("source", "wrong")).toBe(401);
    expect(await asSource("ada", "s-right")).toBe(401);
    expect(await asSource("source", "s-right", { mount: mountPath("/no.mp3") })).toBe(401);
    expect(await asSource("ada", "a-right")).toBe("ada");
    const nobody = await admitToMount(request(), { may: ["operator"], mount: live }, host);
    expect(nobody).toMatchObject({ status: 401 });
  });

  it("may show its password alone", async () => {
    const { admitToMount, request, host, accounts } = await mountIsolate();
    const wish = { may: ["operator"] as const, mount: live, sourceUser: "source" };
    const found = await admitToMount(request(basic("ada", "s-right")), wish, host);
    expect(found).toMatchObject({ name: "source:/live.mp3", isSource: true });
    expect(await admitToMount(request(basic("ada", "a-right")), wish, host)).toMatchObject({ name: "ada" });
    expect(accounts.tries).toHaveLength(2);
  });

  it("is nobody without an ingest token", async () => {
    const { asSource } = await mountIsolate({ INGEST_TOKEN: undefined });
    expect(await asSource("source", "s-right")).toBe(401);
  });

  it("cannot be guessed where guessing is slowed, not by a thousand at once either", async () => {
    let asked = 0;
    const isHeldBy = async (credential: string) => ++asked > 0 && credential === held;
    const { asSource, accounts } = await mountIsolate({ MOUNT: { getByName: () => ({ isHeldBy }) } });
    accounts.waitMs = 10_000;
    const guesses = Array.from({ length: 1_000 }, (_, at) => asSource("source", `guess ${at}`));
    expect(new Set(await Promise.all(guesses))).toEqual(new Set([429]));
    expect(await asSource("source", "s-right")).toBe(429);
    expect(asked).toBe(0);
    accounts.waitMs = 0;
    expect(await asSource("source", "s-right", { address: "192.0.2.2" })).toBe("source:/live.mp3");
  });

  it("is counted as a try once, and then known for as long as it has the mount", async () => {
    let holds = true;
    const isHeldBy = async () => holds;
    const { asSource, accounts } = await mountIsolate({ MOUNT: { getByName: () => ({ isHeldBy }) } });
    for (let times = 0; times < 3; times++) expect(await asSource("source", "s")).toBe("source:/live.mp3");
    expect([accounts.tries.length, accounts.logins.length]).toEqual([1, 1]);
    holds = false;
    expect(await asSource("source", "s")).toBe(401);
    holds = true;
    expect(await asSource("source", "s")).toBe("source:/live.mp3");
    expect(accounts.tries).toHaveLength(1);
  });

  it("costs a user who asks for many mounts no tries", async () => {
    const { asSource, accounts } = await mountIsolate();
    for (const mount of ["/live.mp3", "/a.mp3", "/b.mp3"].map((path) => mountPath(path)))
      expect(await asSource("olga", "o-right", { mount })).toBe("olga");
    expect([accounts.tries.length, accounts.logins.length]).toEqual([1, 1]);
  });
});
