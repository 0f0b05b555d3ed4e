import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { edgeSecretsSchema } from "../../../shared/edge-secrets.ts";
import { edgeStationSchema } from "../../../shared/edge-station.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import type { MountStatus } from "../../../shared/mount-status.ts";
import { millis, type MountPath } from "../../../shared/units.ts";
import type { Desk } from "../../../worker/api/desk.ts";
import type { DirectoryReply } from "../../../worker/directory-object.ts";

const live = mountPath("/live.mp3");
const deep = mountPath("/deep/a b.mp3");
const secret = mountPath("/secret.mp3");

const statusOf = (mount: MountPath): MountStatus => ({
  mount,
  source: { name: "Harbour", contentType: "audio/mpeg", bitrate: "128", ip: "192.0.2.1", protocol: "PUT" },
  streamStartMs: millis(1_000),
  listeners: 3,
  listenerPeak: 5,
  onAir: true,
  title: "김철수 – Première",
});

const reply: DirectoryReply = {
  startedMs: 500,
  mounts: [deep, live, secret].map(statusOf),
  known: [deep, live, secret],
  settingsVersion: "1",
  settings: {
    station: edgeStationSchema.parse({
      name: "Harbour",
      mounts: { [secret]: { hidden: true }, [live]: { hls: false } },
    }),
    fallbacks: {},
  },
  secretsVersion: "1",
  secrets: edgeSecretsSchema.parse({ users: [{ name: "ann", role: "admin", hash: "$secret$" }] }),
};

/** Remembers what it was asked to do. */
class FakeDesk {
  readonly done: unknown[] = [];
  role: "admin" | "operator" | "viewer" | null = "operator";

  readonly desk: Desk = {
    admit: async (request, may) => {
      if (!request.headers.has("Authorization") || this.role === null) {
        return new Response("You need to authenticate\r\n", {
          status: 401,
          headers: { "WWW-Authenticate": 'Basic realm="Icecast2 Server"', "Content-Type": "text/plain" },
        });
      }
      const fits = this.role === "admin" || may.includes(this.role);
      return fits ? { name: "ann", role: this.role } : new Response("no", { status: 403 });
    },
    admitToMount: async (request, { may, mount }, host) =>
      request.headers.get("Authorization") === "source"
        ? { name: `source:${mount}`, role: "operator", isSource: true }
        : this.desk.admit(request, may, host),
    guardUnsafe: async (request) =>
      request.headers.get("Sec-Fetch-Site") === "cross-site" ? new Response("no", { status: 403 }) : null,
    deleteBroadcast: async (mount, name) => {
      this.done.push(["delete", mount, name]);
      return name === "a b.mp3" ? "deleted" : "on air";
    },
    mergeArchive: async (mount) => void this.done.push(["merge", mount]),
    csrfToken: async () => "1.token",
    audit: async (_, action, details) => void this.done.push(["audit", action, details]),
    auditLog: async (_, limit) => [
      {
        sequence: limit,
        atMs: 0,
        user: "ann",
        role: "admin",
        address: null,
        action: "killsource",
        details: { mount: live },
      },
    ],
    listeners: async (mount) =>
      [2, 1].map((id) => ({
        id,
        mount,
        address: "192.0.2.7",
        userAgent: "VLC",
        referer: "",
        country: "KR",
        user: null,
        request: "GET /live.mp3 HTTP/1.1",
        startedMs: millis(id),
      })),
    audience: async () => ({
      sessions: 1,
      uniqueToday: 1,
      byCountry: { KR: 1 },
      bytesSent: 2,
      slowListeners: 0,
    }),
    stationCounters: async () => ({
      listenerConnections: 1,
      sourceConnections: 1,
      bytesSent: 2,
      slowListeners: 0,
    }),
    killListener: async (_, id) => id === 1,
    moveListeners: async (from, to, listener) => void this.done.push(["move", from, to, listener]),
    killSource: async (mount) => mount === live,
    setSourceTitle: async (mount, title) => this.done.push(["title", mount, title]) > 0,
    overrideFallback: async (mount, fallback) => void this.done.push(["fallback", mount, fallback]),
    listenerUsers: async () => [{ name: "bob", hash: "$secret$" }],
    addListenerUser: async (_, name) => (name === "bob" ? "exists" : "added"),
    deleteListenerUser: async (_, name) => (name === "bob" ? "deleted" : "absent"),
    signListenUrl: async (url, { expires }) => `${url}?expires=${expires}&signature=x`,
  };
}

const login = { Authorization: "Basic YW5uOng=" };

describe("the API", () => {
  let fake: FakeDesk;
  let ask: (path: string, init?: RequestInit) => Promise<Response>;
  beforeEach(async () => {
    vi.resetModules();
    const { makeApi } = await import("../../../worker/api/api.ts");
    const { Hono } = await import("hono");
    fake = new FakeDesk();
    const app = new Hono().route("/api/v1", makeApi(fake.desk));
    const env = { DIRECTORY: { getByName: () => ({ list: async () => reply }) } };
    const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
    ask = async (path, init) =>
      app.fetch(new Request(`http://radio.example/api/v1${path}`, init), env, context);
  });
  afterEach(() => vi.useRealTimers());

  const post = (path: string, body: unknown, headers: Record<string, string> = login) =>
    ask(path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...headers },
    });
  const problem = async (
    response: Response,
    status: number,
  ): Promise<{ detail: string; errors?: unknown[] }> => {
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      status,
      "application/problem+json",
    ]);
    const body = (await response.json()) as { status: number; detail: string; type: string };
    expect(body.status).toBe(status);
    expect(body.type).toMatch(/^\/api\/v1\/docs#[a-z-]+$/);
    return body;
  };

  it("tells of the station and its mounts, the hidden ones left out", async () => {
    expect(await (await ask("/station")).json()).toEqual({
      name: "Harbour",
      description: "",
      startedAt: "1970-01-01T00:00:00.500Z",
      mounts: 2,
      listeners: 6,
    });
    const { mounts } = (await (await ask("/mounts")).json()) as {
      mounts: { mount: string; links: { hls: string | null } }[];
    };
    expect(mounts.map(({ mount, links }) => [mount, links.hls])).toEqual([
      [deep, "/deep/a%20b.mp3.m3u8"],
      [live, null],
    ]);
    expect(await (await ask("/mounts/deep%2Fa%20b.mp3/now-playing")).json()).toEqual({
      mount: deep,
      title: "김철수 – Première",
      listeners: 3,
    });
    await problem(await ask("/mounts/secret.mp3"), 404);
  });

  it("shows hidden mounts to a login that may look, and asks for one", async () => {
    const refused = await ask("/mounts?hidden=true");
    expect(refused.headers.get("WWW-Authenticate")).toBe('Basic realm="Icecast2 Server"');
    expect(await problem(refused, 401)).toMatchObject({ detail: "You need to authenticate" });
    fake.role = "viewer";
    const { mounts } = (await (await ask("/mounts?hidden=true", { headers: login })).json()) as {
      mounts: { mount: string; hidden: boolean }[];
    };
    expect(mounts.map(({ mount, hidden }) => [mount, hidden])).toEqual([
      [deep, false],
      [live, false],
      [secret, true],
    ]);
    expect((await ask("/mounts/secret.mp3?hidden=true", { headers: login })).status).toBe(200);
  });

  it("shows nobody an address of a source, or a hash", async () => {
    fake.role = "admin";
    for (const path of ["/mounts?hidden=true", "/users", "/mounts/live.mp3/accounts"]) {
      const text = await (await ask(path, { headers: login })).text();
      expect(text).not.toMatch(/192\.0\.2\.1|\$secret\$/);
    }
  });

  it("writes down what is done, and then does it", async () => {
    expect((await post("/mounts/live.mp3/move-listeners", { to: deep, listener: 4 })).status).toBe(204);
    expect((await post("/mounts/live.mp3/fallback", { fallback: null })).status).toBe(204);
    expect((await post("/mounts/live.mp3/title", { title: "One" })).status).toBe(202);
    expect(fake.done).toEqual([
      ["audit", "moveclients", { mount: live, destination: deep, listener: "4" }],
      ["move", live, deep, 4],
      ["audit", "fallbacks", { mount: live, fallback: "as in the settings" }],
      ["fallback", live, null],
      ["audit", "metadata", { mount: live, title: "One" }],
      ["title", live, { text: "One" }],
    ]);
  });

  it("lets a source name its songs with its own login", async () => {
    fake.role = null;
    expect((await post("/mounts/live.mp3/title", { title: "One" }, { Authorization: "source" })).status).toBe(
      202,
    );
    expect(fake.done).toEqual([["title", live, { text: "One" }]]);
    await problem(await post("/mounts/live.mp3/title", { title: "One" }), 401);
  });

  it("removes a listener and a source, and says when there is none", async () => {
    const remove = (path: string) => ask(path, { method: "DELETE", headers: login });
    expect((await remove("/mounts/live.mp3/listeners/1")).status).toBe(204);
    await problem(await remove("/mounts/live.mp3/listeners/7"), 404);
    expect((await remove("/mounts/live.mp3/source")).status).toBe(204);
    await problem(await remove("/mounts/secret.mp3/source"), 409);
    await problem(await remove("/mounts/nobody.mp3/source"), 404);
    expect((await remove("/mounts/live.mp3/accounts/bob")).status).toBe(204);
    await problem(await remove("/mounts/live.mp3/accounts/eve"), 404);
  });

  it("lists listeners, the longest first, as many as are asked for", async () => {
    const listed = await (await ask("/mounts/live.mp3/listeners?limit=1", { headers: login })).json();
    expect(listed).toEqual({
      total: 2,
      listeners: [
        {
          id: 1,
          mount: live,
          address: "192.0.2.7",
          userAgent: "VLC",
          country: "KR",
          user: null,
          startedAt: "1970-01-01T00:00:00.001Z",
        },
      ],
    });
  });

  it("makes a URL that ends, and says when", async () => {
    vi.useFakeTimers({ now: 10_500 });
    const made = await (await post("/listen-urls", { mount: deep, validSeconds: 60 })).json();
    expect(made).toEqual({
      url: "http://radio.example/deep/a%20b.mp3?expires=70&signature=x",
      expiresAt: "1970-01-01T00:01:10.000Z",
    });
  });

  it("deletes a recording for administrators who say its name twice", async () => {
    const path = "/mounts/live.mp3/broadcasts/a%20b.mp3/delete";
    await problem(await post(path, { confirm: "a b.mp3" }), 403);
    fake.role = "admin";
    await problem(await post(path, { confirm: "a.mp3" }), 400);
    await problem(
      await post(path, { confirm: "a b.mp3" }, { ...login, "Sec-Fetch-Site": "cross-site" }),
      403,
    );
    expect(fake.done).toEqual([]);
    expect((await post(path, { confirm: "a b.mp3" })).status).toBe(204);
    expect(fake.done).toEqual([
      ["audit", "delete broadcast", { mount: live, broadcast: "a b.mp3" }],
      ["delete", live, "a b.mp3"],
    ]);
    await problem(await post("/mounts/live.mp3/broadcasts/now/delete", { confirm: "now" }), 409);
  });

  it("lets nobody but whose role it is do anything", async () => {
    fake.role = "viewer";
    await problem(await post("/mounts/live.mp3/fallback", { fallback: null }), 403);
    await problem(await ask("/users", { headers: login }), 403);
    fake.role = "operator";
    await problem(
      await post(
        "/mounts/live.mp3/fallback",
        { fallback: null },
        { ...login, "Sec-Fetch-Site": "cross-site" },
      ),
      403,
    );
    await problem(await ask("/audit", { headers: login }), 403);
    expect(fake.done).toEqual([]);
  });

  it.each([
    ["no JSON", "/mounts/live.mp3/title", "{", 400],
    ["another type", "/mounts/live.mp3/title", { title: 7 }, 400],
    ["a title too long", "/mounts/live.mp3/title", { title: "x".repeat(1_025) }, 400],
    ["no body", "/mounts/live.mp3/title", "", 400],
    ["a mount that cannot be", "/mounts/live.mp3/fallback", { fallback: "/../x" }, 400],
    ["a mount that cannot be in the path", "/mounts/a%2F%2Fb/fallback", { fallback: null }, 400],
    ["a mount that never was", "/mounts/nobody.mp3/fallback", { fallback: null }, 404],
    ["a move to the same mount", "/mounts/live.mp3/move-listeners", { to: live }, 400],
    ["a listener that is no number", "/mounts/live.mp3/move-listeners", { to: deep, listener: "1" }, 400],
    ["a name with a colon", "/mounts/live.mp3/accounts", { name: "a:b", password: "x" }, 400],
    ["an account twice", "/mounts/live.mp3/accounts", { name: "bob", password: "x" }, 409],
    ["a URL for ever", "/listen-urls", { mount: live, validSeconds: 1e12 }, 400],
    ["a URL for no address", "/listen-urls", { mount: live, address: "nowhere" }, 400],
    ["too much", "/mounts/live.mp3/title", { title: "x".repeat(20_000) }, 413],
    ["a path of nothing", "/nothing", {}, 404],
  ])("refuses %s", async (_, path, body, status) => {
    await problem(await post(path, body), status);
  });

  it.each([
    ["/mounts?hidden=maybe", 400],
    ["/mounts/live.mp3/listeners?limit=0", 400],
    ["/mounts/live.mp3/listeners?limit=x", 400],
    ["/audit?limit=100000", 403],
    ["/mounts/%E0%A4%A/now-playing", 404],
    ["/", 404],
  ])("refuses GET %s", async (path, status) => {
    await problem(await ask(path, { headers: login }), status);
  });

  it("names each place that is wrong", async () => {
    const { errors } = await problem(await post("/listen-urls", { mount: "x", validSeconds: -1 }), 400);
    expect(errors).toEqual([
      { path: "mount", message: 'mount name must begin with "/"' },
      { path: "validSeconds", message: expect.any(String) },
    ]);
  });

  it("refuses a body that is no JSON by its type", async () => {
    await problem(
      await post("/mounts/live.mp3/title", "title=x", { ...login, "Content-Type": "text/plain" }),
      415,
    );
  });

  it("says 500 and nothing else when something fails", async () => {
    Object.assign(fake.desk, { stationCounters: () => Promise.reject(new Error("password: hunter2")) });
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { detail } = await problem(await ask("/counters", { headers: login }), 500);
    expect(detail).not.toContain("hunter2");
    expect(logged).toHaveBeenCalledOnce();
    logged.mockRestore();
  });

  it("describes itself, for programs and for people", async () => {
    const document = (await (await ask("/openapi.json")).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
      components: { schemas: Record<string, unknown> };
    };
    expect(Object.keys(document.components.schemas)).toContain("Problem");
    for (const methods of Object.values(document.paths)) {
      for (const { responses } of Object.values(methods)) expect(Object.keys(responses)).toContain("503");
    }
    const docs = await ask("/docs");
    const html = await docs.text();
    expect(docs.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    for (const path of Object.keys(document.paths)) expect(html).toContain(`/api/v1${path}</code>`);
    for (const slug of ["not-found", "conflict"]) expect(html).toContain(`id="${slug}"`);
  });
});
