import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { listen, type Listening } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const folder = mkdtempSync(join(tmpdir(), "skywave-admin-"));
const stationFile = join(folder, "icecast.xml");
writeFileSync(join(folder, "users"), "u1:ec6ef230f1828039ee794566b9c58adc\n");
writeFileSync(
  stationFile,
  `<icecast>
  <location>Testland</location><admin>ops@example.org</admin><hostname>radio.example</hostname>
  <authentication><relay-user>relay</relay-user><relay-password>relayme</relay-password></authentication>
  <mount type="normal"><mount-name>/live.mp3</mount-name><fallback-mount>/b.mp3</fallback-mount></mount>
  <mount type="normal"><mount-name>/hidden.mp3</mount-name><hidden>1</hidden><max-listeners>5</max-listeners></mount>
  <mount type="normal"><mount-name>/auth.mp3</mount-name><authentication type="htpasswd"><option name="filename" value="${join(folder, "users")}"/></authentication></mount>
</icecast>\n`,
);

let stack: Stack;
let browser: Browser;
const sources: Streaming[] = [];
const listeners: Listening[] = [];
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

async function goOnAir(mount: string, headers: Readonly<Record<string, string>> = {}): Promise<Streaming> {
  const source = await streamMp3(stack.ingestPort, mount, fixture, {
    password: stack.password,
    loop: true,
    headers,
  });
  sources.push(source);
  return source;
}

interface Asking {
  readonly port?: "edge" | "ingest";
  readonly authorization?: string | null;
}

/** The reply of a port, as an administrator asks unless told otherwise. */
async function ask(path: string, { port = "edge", authorization }: Asking = {}) {
  const shown = authorization === undefined ? basic("admin", stack.adminPassword) : authorization;
  const base = port === "edge" ? stack.edgeUrl : stack.ingestUrl;
  const reply = await fetch(base + path, { headers: shown === null ? {} : { authorization: shown } });
  return { status: reply.status, type: reply.headers.get("content-type") ?? "", body: await reply.text() };
}

/** Statistics as collectors read them: the text of each element of the station, and of each mount. */
function parseStats(xml: string) {
  const fields = (part: string) =>
    new Map(
      [...part.matchAll(/<([\w-]+)>([^<]*)<\/\1>/g)].map(([, name, value]) => [name ?? "", value ?? ""]),
    );
  const mounts = [...xml.matchAll(/<source mount="([^"]+)">(.*?)<\/source>/g)];
  return {
    global: fields(xml.replace(/<source .*<\/source>/, "")),
    sources: new Map(mounts.map(([, mount, part]) => [mount ?? "", fields(part ?? "")])),
  };
}

const onAir = async () => [...parseStats((await ask("/admin/stats")).body).sources.keys()];

async function hear(mount: string, agent: string, port: "edge" | "ingest" = "ingest"): Promise<Listening> {
  const base = port === "edge" ? stack.edgeUrl : stack.ingestUrl;
  const listener = await listen(base + mount, { headers: { "User-Agent": agent } });
  listeners.push(listener);
  return listener;
}

/** Ids by player, as `listclients` tells them. */
async function clients(mount: string): Promise<Map<string, string>> {
  const { body } = await ask(`/admin/listclients?mount=${mount}`);
  const found = body.matchAll(/<UserAgent>([^<]*)<\/UserAgent><Connected>\d+<\/Connected><ID>(\d+)<\/ID>/g);
  return new Map([...found].map(([, agent, id]) => [agent ?? "", id ?? ""]));
}

beforeAll(async () => {
  stack = await startStack({ stationFile });
  await goOnAir("/a.mp3", {
    "Ice-Name": "My Radio",
    "Ice-Audio-Info": "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
    "User-Agent": "cap/1",
  });
  for (const mount of ["/b.mp3", "/hidden.mp3", "/auth.mp3"]) await goOnAir(mount);
  await waitFor("the mounts to be listed", async () => (await onAir()).length >= 5);
});

afterAll(async () => {
  await browser?.close();
  for (const listener of listeners) listener.close();
  for (const source of sources) source.destroy();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("Icecast's administration", () => {
  it.each(["edge", "ingest"] as const)(
    "tells collectors of the station and each mount on the %s port",
    async (port) => {
      const reply = await ask("/admin/stats", { port });
      expect(reply).toMatchObject({ status: 200, type: "text/xml; charset=utf-8" });
      const { global, sources: mounts } = parseStats(reply.body);
      expect([...global.keys()]).toEqual(
        "admin client_connections clients connections file_connections host listener_connections listeners location server_id server_start server_start_iso8601 source_client_connections source_relay_connections source_total_connections sources stats stats_connections".split(
          " ",
        ),
      );
      expect(Object.fromEntries(global)).toMatchObject({
        host: "radio.example",
        location: "Testland",
        sources: "4",
      });
      expect([...mounts.keys()]).toEqual(["/a.mp3", "/auth.mp3", "/b.mp3", "/hidden.mp3", "/live.mp3"]);
      expect(Object.fromEntries(mounts.get("/a.mp3") ?? [])).toMatchObject({
        "ice-samplerate": "44100",
        listeners: "0",
        listenurl: `${port === "edge" ? stack.edgeUrl : stack.ingestUrl}/a.mp3`,
        max_listeners: "unlimited",
        public: "0",
        server_name: "My Radio",
        server_type: "audio/mpeg",
        source_ip: "127.0.0.1",
        user_agent: "cap/1",
      });
      expect(mounts.get("/auth.mp3")?.get("authenticator")).toBe("htpasswd");
      expect([...(mounts.get("/live.mp3")?.keys() ?? [])]).toEqual([
        "listeners",
        "listenurl",
        "max_listeners",
      ]);
    },
  );

  it("is for administrators; a mount's source has its own mount, a relay the list", async () => {
    const source = basic("source", stack.password);
    const relay = basic("relay", "relayme");
    expect(await ask("/admin/stats", { authorization: null })).toMatchObject({
      status: 401,
      body: "You need to authenticate\r\n",
    });
    expect(await ask("/admin/stats?mount=/a.mp3", { authorization: source })).toMatchObject({ status: 200 });
    expect(await ask("/admin/stats", { authorization: source })).toMatchObject({ status: 401 });
    for (const port of ["edge", "ingest"] as const) {
      expect(await ask("/admin/streamlist.txt", { authorization: relay, port })).toMatchObject({
        status: 200,
        body: "/a.mp3\r\n/auth.mp3\r\n/b.mp3\r\n",
      });
    }
    expect((await ask("/admin/listmounts", { authorization: relay })).status).not.toBe(200);
  });

  it("sets a title from either port, by the source of the mount too", async () => {
    const titleOf = async () =>
      parseStats((await ask("/admin/stats?mount=/a.mp3")).body)
        .sources.get("/a.mp3")
        ?.get("title");
    for (const [port, song] of [
      ["edge", "One"],
      ["ingest", "Two"],
    ] as const) {
      const authorization = basic("source", stack.password);
      const reply = await ask(`/admin/metadata?mount=/a.mp3&mode=updinfo&song=${song}`, {
        port,
        authorization,
      });
      expect(reply.body).toContain("<message>Metadata update successful</message><return>1</return>");
      await waitFor(`the title ${song}`, async () => (await titleOf()) === song);
    }
  });

  it("moves listeners and ends them, wherever they came in", async () => {
    const [first, second] = [await hear("/a.mp3", "first/1"), await hear("/a.mp3", "second/1", "edge")];
    await waitFor("both to be listed", async () => (await clients("/a.mp3")).size === 2);
    const id = (await clients("/a.mp3")).get("first/1") ?? "";
    const kill = await ask(`/admin/killclient?mount=/a.mp3&id=${id}`);
    expect(kill.body).toContain(`<message>Client ${id} removed</message><return>1</return>`);
    await first.ended;
    const move = await ask("/admin/moveclients?mount=/a.mp3&destination=/b.mp3");
    expect(move.body).toContain("<message>Clients moved from /a.mp3 to /b.mp3</message><return>1</return>");
    await waitFor("the other to be listed at /b.mp3", async () => (await clients("/b.mp3")).has("second/1"));
    const before = second.bytes().length;
    await waitFor("its stream to go on", () => second.bytes().length > before + 32_000);
  });

  it("keeps listener accounts that listeners can log in with at once", async () => {
    const listening = async () => {
      const listener = await listen(`${stack.edgeUrl}/auth.mp3`, {
        headers: { authorization: basic("u2", "p2") },
      });
      listener.close();
      return listener.status;
    };
    expect(await listening()).toBe(401);
    const added = await ask("/admin/manageauth?mount=/auth.mp3&action=add&username=u2&password=p2");
    expect(added.body).toContain(
      "<User><username>u2</username></User></source><iceresponse><message>User added",
    );
    await waitFor("the new user to get in", async () => (await listening()) === 200);
    await ask("/admin/manageauth?mount=/auth.mp3&action=delete&username=u2");
    expect((await ask("/admin/manageauth?mount=/auth.mp3&action=list")).body).not.toContain("u2");
  });

  it("takes a source off the air", async () => {
    const source = await goOnAir("/kill.mp3");
    await waitFor("it to be listed", async () => (await onAir()).includes("/kill.mp3"));
    const closed = new Promise((resolve) => source.socket.once("close", resolve));
    expect((await ask("/admin/killsource?mount=/kill.mp3")).body).toContain(
      "<message>Source Removed</message>",
    );
    await closed;
    await waitFor("it to be gone", async () => !(await onAir()).includes("/kill.mp3"));
    expect(await ask("/admin/killsource?mount=/kill.mp3")).toMatchObject({
      status: 400,
      body: "<html><head><title>Error 400</title></head><body><b>400 - Source does not exist</b></body></html>\r\n",
    });
  });
});

describe("what tools for SHOUTcast ask for", () => {
  it.each(["edge", "ingest"] as const)("is answered on the %s port", async (port) => {
    const open: Asking = { port, authorization: null };
    const seven = await ask("/7.html", open);
    expect(seven.body).toMatch(
      /^<HTML><meta http-equiv="Pragma" content="no-cache"><\/head><body>\d+,1,\d+,999999,\d+,128,.*<\/body><\/html>$/,
    );
    const stats = await ask("/stats?sid=1&json=1", open);
    expect(JSON.parse(stats.body)).toMatchObject({
      servertitle: "My Radio",
      streampath: "/a.mp3",
      streamstatus: 1,
    });
    expect(JSON.parse((await ask("/stats?sid=9&json=1", open)).body)).toMatchObject({ streamstatus: 0 });
    expect((await ask("/statistics", open)).body).toContain("<TOTALSTREAMS>3</TOTALSTREAMS>");
    expect((await ask("/status2.xsl", open)).body).toContain("\n/a.mp3,");
    expect((await ask("/server_version.xsl", open)).body).toContain("radio.example");
    expect((await ask("/auth.xsl", open)).body).toContain("<h2>/auth.mp3</h2>");
  });

  it.each(["edge", "ingest"] as const)(
    "is in admin.cgi with the administrator's password on the %s port",
    async (port) => {
      const path = `/admin.cgi?mode=viewxml&page=1&sid=1&pass=${stack.adminPassword}`;
      expect((await ask(path, { port, authorization: null })).body).toContain(
        "<SERVERTITLE>My Radio</SERVERTITLE>",
      );
      const wrong = await ask("/admin.cgi?mode=viewxml&pass=wrong", { port, authorization: null });
      expect(wrong.status).toBe(401);
    },
  );
});

describe("the console", () => {
  const complaints: string[] = [];
  let page: Page;

  beforeAll(async () => {
    browser = await launchBrowser();
    const context = await browser.newContext({
      httpCredentials: { username: "admin", password: stack.adminPassword },
      viewport: { width: 1280, height: 900 },
    });
    page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("401")) complaints.push(message.text());
    });
    await page.goto(`${stack.edgeUrl}/admin/`);
  });

  const card = (mount: string) =>
    page.locator(".card").filter({ has: page.getByText(mount, { exact: true }).and(page.locator(".path")) });

  it("shows the mounts, and what a source calls itself as text", async () => {
    await goOnAir("/named.mp3", { "Ice-Name": "<img src=x onerror=alert(1)>" });
    await card("/named.mp3").waitFor();
    expect(await card("/named.mp3").locator(".name").textContent()).toBe("<img src=x onerror=alert(1)>");
    expect(await page.locator(".card").count()).toBeGreaterThanOrEqual(5);
  });

  it("sets a title", async () => {
    await card("/a.mp3").locator(".title-form input").fill("Jóga & <b>");
    await card("/a.mp3").getByRole("button", { name: "Set title" }).click();
    await card("/a.mp3").locator(".title", { hasText: "Jóga & <b>" }).waitFor();
  });

  it("kicks a listener", async () => {
    const listener = await hear("/a.mp3", "kicked/1");
    await card("/a.mp3").locator(".listeners-part summary").click();
    await card("/a.mp3")
      .getByRole("button", { name: /Kick kicked/ })
      .click();
    await listener.ended;
    await card("/a.mp3")
      .getByRole("button", { name: /Kick kicked/ })
      .waitFor({ state: "detached" });
  });

  it("adds and deletes a listener account", async () => {
    const accounts = card("/auth.mp3").locator(".accounts-part");
    await accounts.locator("summary").click();
    await accounts.getByLabel("Name").fill("carol");
    await accounts.getByLabel("Password").fill("secret");
    await accounts.getByRole("button", { name: "Add" }).click();
    await accounts.getByRole("button", { name: "Delete carol" }).click();
    await page.locator("#confirm-ok").click();
    await accounts.getByRole("button", { name: "Delete carol" }).waitFor({ state: "detached" });
  });

  it("disconnects a source after asking, and writes down who did what", async () => {
    const part = card("/named.mp3").locator("details", { hasText: "Move, fall back, disconnect" });
    await part.locator("summary").click();
    await part.getByRole("button", { name: "Disconnect the source" }).click();
    await page.locator("#confirm button[value=cancel]").click();
    expect(await onAir()).toContain("/named.mp3");
    await part.getByRole("button", { name: "Disconnect the source" }).click();
    await page.locator("#confirm-ok").click();
    await card("/named.mp3").waitFor({ state: "detached" });
    await page
      .locator("#log-entries tr", { hasText: "killsource" })
      .filter({ hasText: "/named.mp3" })
      .waitFor();
    expect(await page.locator("#log").textContent()).not.toContain("secret");
  });

  it("complains of nothing, and fits a phone", async () => {
    expect(complaints).toEqual([]);
    await page.setViewportSize({ width: 360, height: 760 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  });

  it("is nobody's without a login, and for a command in the address asks first", async () => {
    const other = await browser.newContext();
    const reply = await (await other.newPage()).goto(`${stack.edgeUrl}/admin/`).catch(() => null);
    expect(reply?.status() ?? 401).toBe(401);
    await other.close();
    await page.goto(`${stack.edgeUrl}/admin/killsource?mount=/b.mp3`);
    expect(await page.locator("form[method=post]").count()).toBe(1);
    expect(await onAir()).toContain("/b.mp3");
  });
});
