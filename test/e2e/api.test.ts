import { get } from "node:http";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashPassword } from "../../shared/password-hash.ts";
import { launchBrowser } from "../support/browser.ts";
import { requireClient } from "../support/clients.ts";
import { EventClient } from "../support/event-client.ts";
import { listen } from "../support/listen.ts";
import { deviation, faultsOf, type OpenApiDocument } from "../support/openapi-check.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitForStatus } from "../support/status.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** The API as programs see it, on the real stack. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const password = "only for this test";
const basic = (user: string, secret: string): string =>
  `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`;
const root = basic("root", password);
const shots = process.env["SKYWAVE_SCREENSHOTS"];

let stack: Stack;
let document: OpenApiDocument;
const sources: Streaming[] = [];
const clients: EventClient[] = [];

/** The station as this test needs it: users of all kinds, a hidden mount, one with accounts. */
async function settle(): Promise<void> {
  const hash = await hashPassword(password);
  const users = ["admin", "operator", "viewer"].map((role) => ({
    name: role === "admin" ? "root" : role,
    role,
    hash,
  }));
  const response = await fetch(`${stack.edgeUrl}/api/ingest/v1/station`, {
    method: "POST",
    headers: { Authorization: `Bearer ${stack.ingestToken}` },
    body: JSON.stringify({
      station: { name: "Harbour", segmentMs: 2_000, mounts: { "/hidden.mp3": { hidden: true } } },
      secrets: {
        users,
        signingKeys: ["k".repeat(43)],
        listeners: { "/members.mp3": { auth: { kind: "htpasswd", users: [] } } },
      },
    }),
  });
  expect(response.status).toBe(200);
}

/** Calls the API, and holds its reply against the document. `template` is the path as the document has it. */
async function ask(
  method: string,
  template: string,
  {
    mount = "live.mp3",
    query = "",
    body,
    login = root,
    rest = {},
    headers = {},
  }: {
    mount?: string;
    query?: string;
    body?: unknown;
    login?: string | null;
    rest?: Record<string, string>;
    headers?: Record<string, string>;
  } = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    name === "mount" ? mount : (rest[name] ?? ""),
  );
  const response = await fetch(`${stack.edgeUrl}/api/v1${path}${query}`, {
    method,
    headers: {
      ...(login !== null && { Authorization: login }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const { status } = response;
  expect(
    deviation(
      document,
      { method, path: template },
      { status, contentType: response.headers.get("Content-Type"), body: text },
    ),
  ).toBeNull();
  return { status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

async function goOnAir(mount: string): Promise<Streaming> {
  const source = await streamMp3(stack.ingestPort, mount, fixture, { password: stack.password, loop: true });
  sources.push(source);
  return source;
}

/** As an encoder does: what a browser could send goes through the edge, which may be down. */
async function setTitle(mount: string, song: string): Promise<void> {
  const query = new URLSearchParams({ mode: "updinfo", mount, song });
  const headers = { authorization: basic("source", stack.password) };
  const status = await new Promise<number | undefined>((resolve, reject) => {
    get(`${stack.ingestUrl}/admin/metadata?${query}`, { headers, agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    }).once("error", reject);
  });
  expect(status).toBe(200);
}

function follow(query = "", headers: Record<string, string> = {}): EventClient {
  const client = new EventClient(`${stack.edgeUrl}/api/v1/events${query}`, headers);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  stack = await startStack();
  await settle();
  document = (await (await fetch(`${stack.edgeUrl}/api/v1/openapi.json`)).json()) as OpenApiDocument;
  for (const mount of ["/live.mp3", "/hidden.mp3"]) await goOnAir(mount);
  await waitForStatus(stack, "/live.mp3");
  await setTitle("/live.mp3", "Opening");
  await waitForStatus(stack, "/live.mp3", { title: "Opening" });
});
afterAll(async () => {
  for (const client of clients) client.close();
  for (const source of sources) source.destroy();
  await stack?.stop();
});

describe("the API", () => {
  it("has a valid document, and a page for people that says the same", async () => {
    expect(faultsOf(document)).toEqual([]);
    const html = await (await fetch(`${stack.edgeUrl}/api/v1/docs`)).text();
    for (const path of Object.keys(document.paths)) expect(html).toContain(`/api/v1${path}</code>`);
  });

  it("tells anybody of the station and what is on air, as described", async () => {
    const login = null;
    expect((await ask("GET", "/station", { login })).body).toMatchObject({ name: "Harbour", mounts: 1 });
    const { body } = await ask("GET", "/mounts", { login });
    expect(body["mounts"]).toMatchObject([{ mount: "/live.mp3", title: "Opening" }]);
    expect((await ask("GET", "/mounts/{mount}", { login })).status).toBe(200);
    expect((await ask("GET", "/mounts/{mount}/now-playing", { login })).body).toMatchObject({
      title: "Opening",
    });
    expect((await ask("GET", "/warnings", { login })).status).toBe(200);
    expect((await ask("GET", "/mounts/{mount}", { login, mount: "hidden.mp3" })).status).toBe(404);
    const all = await ask("GET", "/mounts", { query: "?hidden=true", login: basic("viewer", password) });
    expect(all.body["mounts"]).toMatchObject([{ mount: "/hidden.mp3" }, { mount: "/live.mp3" }]);
  });

  it("answers an administrator as described", async () => {
    expect((await ask("GET", "/session")).body).toMatchObject({ name: "root", role: "admin" });
    expect((await ask("GET", "/users")).body["users"]).toContainEqual({ name: "viewer", role: "viewer" });
    expect((await ask("GET", "/counters")).status).toBe(200);
    expect((await ask("GET", "/mounts/{mount}/audience")).status).toBe(200);
    expect(
      (await ask("POST", "/mounts/{mount}/fallback", { body: { fallback: "/hidden.mp3" } })).status,
    ).toBe(204);
    expect((await ask("POST", "/mounts/{mount}/fallback", { body: { fallback: null } })).status).toBe(204);
    const { body } = await ask("GET", "/audit", { query: "?limit=2" });
    expect(body["entries"]).toMatchObject([
      { user: "root", action: "fallbacks", details: { fallback: "as in the settings" } },
      { user: "root", action: "fallbacks", details: { fallback: "/hidden.mp3" } },
    ]);
  });

  it("keeps listeners' accounts", async () => {
    const mount = "members.mp3";
    const account = { name: "ann", password: "secret" };
    expect((await ask("POST", "/mounts/{mount}/accounts", { mount, body: account })).status).toBe(201);
    expect((await ask("POST", "/mounts/{mount}/accounts", { mount, body: account })).status).toBe(409);
    expect((await ask("GET", "/mounts/{mount}/accounts", { mount })).body).toEqual({
      accounts: [{ name: "ann" }],
    });
    const path = "/mounts/{mount}/accounts/{name}";
    expect((await ask("DELETE", path, { mount, rest: { name: "ann" } })).status).toBe(204);
    expect((await ask("DELETE", path, { mount, rest: { name: "ann" } })).status).toBe(404);
  });

  it("makes URLs that let one listen", async () => {
    const { status, body } = await ask("POST", "/listen-urls", {
      body: { mount: "/live.mp3", validSeconds: 60 },
    });
    expect([status, new URL(String(body["url"])).pathname]).toEqual([200, "/live.mp3"]);
    const response = await fetch(String(body["url"]));
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });

  it("lists a listener, and removes it", async () => {
    const agent = "a listener to remove";
    const listening = await listen(`${stack.edgeUrl}/live.mp3`, { headers: { "User-Agent": agent } });
    const found = await waitFor("the listener to be listed", async () => {
      const { body } = await ask("GET", "/mounts/{mount}/listeners");
      return (body["listeners"] as { id: number; userAgent: string }[]).find(
        ({ userAgent }) => userAgent === agent,
      );
    });
    const path = "/mounts/{mount}/listeners/{listener}";
    expect((await ask("DELETE", path, { rest: { listener: String(found.id) } })).status).toBe(204);
    await listening.ended;
  });

  const title = "/mounts/{mount}/title";
  it.each([
    ["a body that is no JSON", "POST", title, { body: "{" }, 400],
    ["another type", "POST", title, { body: { title: 1 } }, 400],
    ["a long title", "POST", title, { body: { title: "x".repeat(2_000) } }, 400],
    [
      "another media type",
      "POST",
      title,
      { body: { title: "x" }, headers: { "Content-Type": "text/plain" } },
      415,
    ],
    ["a large body", "POST", title, { body: { title: "x".repeat(20_000) } }, 413],
    ["a mount that never was", "POST", title, { body: { title: "x" }, mount: "nobody.mp3" }, 404],
    ["no mount", "POST", "/mounts/{mount}/move-listeners", { body: { to: "nowhere" } }, 400],
    ["a name of the server's", "POST", "/mounts/{mount}/fallback", { body: { fallback: "/api/x" } }, 400],
    ["no accounts", "POST", "/mounts/{mount}/accounts", { body: { name: "a", password: "b" } }, 409],
    ["no time", "POST", "/listen-urls", { body: { mount: "/live.mp3", validSeconds: 0 } }, 400],
    ["no listener", "DELETE", "/mounts/{mount}/listeners/{listener}", { rest: { listener: "x" } }, 400],
    [
      "a listener that is not there",
      "DELETE",
      "/mounts/{mount}/listeners/{listener}",
      { rest: { listener: "1" } },
      404,
    ],
    ["a limit of 0", "GET", "/mounts/{mount}/listeners", { query: "?limit=0" }, 400],
    ["neither true nor false", "GET", "/mounts", { query: "?hidden=perhaps" }, 400],
    ["hidden mounts for nobody", "GET", "/mounts", { query: "?hidden=true", login: null }, 401],
    ["users for a viewer", "GET", "/users", { login: basic("viewer", password) }, 403],
    ["no login", "GET", "/session", { login: null }, 401],
    ["a wrong login", "GET", "/session", { login: basic("root", "wrong") }, 401],
  ] as const)("answers %s with a problem", async (_, method, path, wish, status) => {
    const reply = await ask(method, path, wish);
    expect(reply).toMatchObject({
      status,
      body: { status, type: expect.stringMatching(/^\/api\/v1\/docs#/) },
    });
  });

  it("keeps its metrics for those who may look", async () => {
    expect((await fetch(`${stack.edgeUrl}/metrics`)).status).toBe(401);
    const headers = { Authorization: basic("viewer", password) };
    const text = await (await fetch(`${stack.edgeUrl}/metrics`, { headers })).text();
    expect(text).toMatch(/^skywave_mount_listeners\{mount="\/live\.mp3"\} \d+$/m);
    expect(text).toMatch(/^# TYPE skywave_isolate_bucket_reads_total counter$/m);
  });
});

describe("the events", () => {
  it("tell titles and sources, hidden mounts only to who may see them", async () => {
    const guest = follow();
    const viewer = follow("?hidden=true", { Authorization: basic("viewer", password) });
    await waitFor("both to be told everything", () => guest.events.length > 0 && viewer.events.length > 0);
    await setTitle("/live.mp3", "For all");
    await setTitle("/hidden.mp3", "For few");
    const source = await goOnAir("/second.mp3");
    await waitFor("titles", () => guest.titlesOf("/live.mp3").includes("For all"));
    await waitFor("hidden titles", () => viewer.titlesOf("/hidden.mp3").includes("For few"));
    await source.stop();
    const kinds = () =>
      guest.events.filter(({ data }) => data["mount"] === "/second.mp3").map(({ event }) => event);
    await waitFor("the source to be told and its end", () => kinds().includes("source-off"));
    expect(kinds()[0]).toBe("source-on");
    expect(JSON.stringify(guest.events)).not.toContain("/hidden.mp3");
    const ids = guest.events.map(({ id }) => id.split("-").map(Number) as [number, number]);
    expect(ids).toEqual(ids.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
    guest.close();
    viewer.close();
  });

  it("lose no title and no client when the runtime is killed", async (context) => {
    requireClient(context, "chromium");
    const browser: Browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(stack.edgeUrl);
      await page.evaluate(`
        window.titles = [];
        const events = new EventSource("/api/v1/events");
        const note = (title) => { if (title && title !== titles.at(-1)) titles.push(title); };
        events.addEventListener("title", ({ data }) => {
          const { mount, title } = JSON.parse(data);
          if (mount === "/live.mp3") note(title);
        });
        for (const kind of ["source-on", "reset"]) events.addEventListener(kind, ({ data }) => {
          const told = JSON.parse(data);
          for (const each of told.mounts ?? [told]) if (each.mount === "/live.mp3") note(each.title);
        });
      `);
      const client = follow();
      const heard = () => client.titlesOf("/live.mp3");
      const shown = () => page.evaluate<string[]>("titles");
      const both = (title: string) =>
        waitFor(
          `${title} to be told`,
          async () => heard().at(-1) === title && (await shown()).at(-1) === title,
          30_000,
        );
      await setTitle("/live.mp3", "Before");
      await both("Before");
      stack.kill("workerd");
      await setTitle("/live.mp3", "Meanwhile");
      await both("Meanwhile");
      await setTitle("/live.mp3", "After");
      await both("After");
      expect(client.connections).toBeGreaterThan(1);
      for (const titles of [heard(), await shown()]) {
        expect(titles.slice(titles.indexOf("Before"))).toEqual(["Before", "Meanwhile", "After"]);
      }
      // It was on air all the time.
      const { events } = client;
      expect(
        events.filter(({ event, data }) => event === "source-off" && data["mount"] === "/live.mp3"),
      ).toEqual([]);
      await page.getByText("After", { exact: true }).waitFor();
    } finally {
      await browser.close();
    }
  });

  it("show on the status page at once, and where they cannot be had the page asks instead", async (context) => {
    requireClient(context, "chromium");
    const browser: Browser = await launchBrowser();
    try {
      const [followed, polled] = await Promise.all([browser.newPage(), browser.newPage()]);
      await polled.route("**/api/v1/events", (route) => route.fulfill({ status: 503, body: "" }));
      const asked: string[] = [];
      followed.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await Promise.all([followed, polled].map((page) => page.goto(stack.edgeUrl)));
      await followed.locator(".mount").first().waitFor();
      await setTitle("/live.mp3", "Seen by all");
      await Promise.all(
        [followed, polled].map((page) => page.getByText("Seen by all", { exact: true }).waitFor()),
      );
      expect(asked.filter((path) => path === "/api/v1/events")).toHaveLength(1);
      expect(asked.filter((path) => path === "/api/v1/mounts")).toHaveLength(1);
      if (shots !== undefined) {
        await followed.screenshot({ path: join(shots, "page.png"), fullPage: true });
        await polled.goto(`${stack.edgeUrl}/api/v1/docs`);
        await polled.screenshot({ path: join(shots, "docs.png"), fullPage: true });
      }
    } finally {
      await browser.close();
    }
  });
});
