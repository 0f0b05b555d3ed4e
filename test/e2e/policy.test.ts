import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { routeAccess } from "../../worker/access/route-access.ts";
import { type Listening, listen } from "../support/listen.ts";
import { rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitForStatus } from "../support/status.ts";
import { type Streaming, streamMp3 } from "../support/stream-mp3.ts";
import { tellStation } from "../support/tell-station.ts";
import { waitFor } from "../support/wait.ts";

/** What the station says of each mount, as listeners and tools meet it. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const run = promisify(execFile);
const said = {
  name: "Station's name",
  description: "Station's words",
  url: "https://station.example/",
  genre: "Everything",
  bitrate: "99",
  type: "audio/x-station",
  subtype: "mp3",
};
const sourceHeaders = {
  "ice-name": "Source's name",
  "ice-description": "Source's words",
  "ice-genre": "Jazz",
  "ice-bitrate": "128",
  "ice-public": "0",
};

describe("a mount's rules", () => {
  let stack: Stack;
  const sources: Streaming[] = [];
  const open: Listening[] = [];
  beforeAll(async () => {
    stack = await startStack();
    await tellStation(stack, {
      name: "Policies",
      headers: [
        { name: "X-Station", value: "all" },
        { name: "X-Missing", value: "yes", status: 404 },
        { name: "Access-Control-Allow-Origin", value: "https://station.example" },
      ],
      aliases: [
        { source: "/", destination: "/status-json.xsl" },
        { source: "/radio", destination: "/live.mp3" },
        { source: "/twice", destination: "/radio" },
        { source: "/by-port", destination: "/live.mp3", port: stack.ingestPort },
      ],
      mounts: {
        "/*.mp3": { headers: [{ name: "X-Mount", value: "any" }] },
        "/live.mp3": {
          stream: said,
          public: true,
          burstBytes: 65_536,
          headers: [{ name: "X-Mount", value: "live" }],
        },
        "/hidden.mp3": { hidden: true, metaint: 0, burstMs: 0 },
        "/old.mp3": { charset: "ISO8859-1", metaint: 4_000, maxListenerMs: 3_000 },
        "/reserve.mp3": { noMount: true },
        "/off.mp3": { fallback: { kind: "mount", mount: "/reserve.mp3" } },
        "/full.mp3": {
          maxListeners: 0,
          fallback: { kind: "mount", mount: "/live.mp3" },
          fallbackWhenFull: true,
        },
        "/closed.mp3": { maxListeners: 0, fallback: { kind: "mount", mount: "/live.mp3" } },
      },
    });
    const { ingestPort, password } = stack;
    const options = { password, loop: true, headers: sourceHeaders };
    for (const mount of ["/live.mp3", "/hidden.mp3", "/old.mp3", "/reserve.mp3"]) {
      sources.push(await streamMp3(ingestPort, mount, fixture, options));
    }
    await Promise.all(["/live.mp3", "/old.mp3"].map((mount) => waitForStatus(stack, mount)));
  });
  afterAll(async () => {
    for (const each of open) each.close();
    for (const source of sources) source.destroy();
    await stack.stop();
  });

  async function hear(path: string, options: Parameters<typeof listen>[1] = {}): Promise<Listening> {
    const listening = await listen(stack.edgeUrl + path, options);
    open.push(listening);
    return listening;
  }
  const text = async (path: string): Promise<string> => (await fetch(stack.edgeUrl + path)).text();
  /** Every byte is in a whole frame. */
  const isWhole = (bytes: Buffer): boolean => {
    const frames = mp3.indexFrames(bytes);
    const last = frames.at(-1);
    return last !== undefined && frames[0]?.offset === 0 && last.offset + last.size === bytes.length;
  };

  it("are said instead of the source's words, everywhere", async () => {
    const { headers } = await hear("/live.mp3");
    expect(headers).toMatchObject({
      "content-type": "audio/mpeg",
      "icy-name": said.name,
      "icy-description": said.description,
      "icy-url": said.url,
      "icy-genre": said.genre,
      "icy-br": said.bitrate,
      "icy-pub": "1",
    });
    expect(await waitForStatus(stack, "/live.mp3")).toMatchObject({
      server_name: said.name,
      server_description: said.description,
      server_url: said.url,
      server_type: said.type,
      subtype: said.subtype,
      genre: said.genre,
      bitrate: 99,
    });
    expect(await text("/live.mp3.xspf")).toContain(`Stream Title: ${said.name}`);
    expect(await text("/live.mp3.vclt")).toContain(`SERVER_NAME=${said.name}`);
    expect(await text("/live.mp3.pls")).toContain(`Title1=${said.name}`);
    expect((await hear("/old.mp3")).headers).toMatchObject({ "icy-name": "Source's name", "icy-pub": "0" });
  });

  it("hide a mount from all but those who know it", async () => {
    await waitFor("the mount to play", async () => (await hear("/hidden.mp3")).status === 200);
    const forAnybody = Object.entries(routeAccess)
      .filter(([route, { kind }]) => kind === "anybody" && /^GET [^:*]+$/.test(route))
      .map(([route]) => route.slice("GET ".length))
      .filter((path) => !path.endsWith("/events"));
    expect(forAnybody).toContain("/api/v1/mounts");
    for (const path of [...forAnybody, "/status-json.xsl?mount=/hidden.mp3", "/stats?json=1"]) {
      expect(await text(path), path).not.toContain("/hidden.mp3");
    }
    const asked = ["/api/v1/mounts/%2Fhidden.mp3", "/api/v1/mounts/%2Fhidden.mp3/now-playing"];
    const answers = await Promise.all(asked.map((path) => fetch(stack.edgeUrl + path)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    const playlists = ["m3u", "pls", "xspf", "vclt"].map((kind) =>
      fetch(`${stack.edgeUrl}/hidden.mp3.${kind}`),
    );
    const statuses = (await Promise.all(playlists)).map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 404, 404]);
  });

  it("keep a mount for those who fall back to it, in Icecast's words", async () => {
    const expected = "\r\n\r\nmountpoint unavailable";
    for (const port of [stack.edgePort, stack.ingestPort]) {
      const reply = await rawRequest(port, "GET /reserve.mp3 HTTP/1.0\r\nHost: localhost\r\n\r\n");
      expect(reply.toString()).toMatch(/^HTTP\/1\.[01] 403 Forbidden\r\n/);
      expect(reply.toString()).toMatch(/content-type: text\/plain; charset=utf-8\r\n/i);
      expect(reply.toString().endsWith(expected)).toBe(true);
    }
    const fallen = await hear("/off.mp3");
    expect(fallen.status).toBe(200);
    await waitFor("sound", () => fallen.bytes().length > 8_000);
  });

  it("set the distance of titles, and whether there are any", async () => {
    const live = await hear("/live.mp3", { icy: true });
    const old = await hear("/old.mp3", { icy: true });
    const hidden = await hear("/hidden.mp3", { icy: true });
    expect([live, old, hidden].map(({ headers }) => headers["icy-metaint"])).toEqual([
      "16000",
      "4000",
      undefined,
    ]);
    await waitFor("some sound", () => hidden.bytes().length > 60_000 && old.bytes().length > 20_000);
    expect(mp3.indexFrames(hidden.bytes()).length).toBeGreaterThan(100);
    const blocks = new IcyDeinterleaver(4_000).push(old.bytes());
    expect(mp3.indexFrames(new Uint8Array(Buffer.concat(blocks.audio))).length).toBeGreaterThan(40);
  });

  it("write titles in the mount's charset", async () => {
    const title = "Jóga – 東';x";
    const form = (mount: string) =>
      new URLSearchParams({ mode: "updinfo", mount, song: title, charset: "UTF-8" });
    for (const mount of ["/live.mp3", "/old.mp3"]) {
      const reply = await fetch(`${stack.ingestUrl}/admin/metadata?${form(mount)}`, {
        headers: { Authorization: `Basic ${btoa(`source:${stack.password}`)}` },
      });
      expect(reply.status).toBe(200);
    }
    await waitForStatus(stack, "/old.mp3", { title });
    await waitForStatus(stack, "/live.mp3", { title });
    const live = await hear("/live.mp3", { icy: true });
    const old = await hear("/old.mp3?burst=0", { icy: true });
    await waitFor("the title", () => live.bytes().includes("StreamTitle='Jóga – 東’;x';"));
    await waitFor("the title", () =>
      old.bytes().includes(Buffer.from("StreamTitle='Jóga - ?' ;x';", "latin1")),
    );
  });

  it("end a stay at its time, with a whole frame", async () => {
    const old = await hear("/old.mp3");
    let ended = false;
    void old.ended.then(() => (ended = true));
    await waitFor("the end", () => ended, 20_000);
    expect(isWhole(old.bytes())).toBe(true);
    expect((await hear("/live.mp3")).status).toBe(200);
  });

  it("give a burst in bytes, which may be none", async () => {
    await waitFor("enough sound", () => (sources[0]?.sent.length ?? 0) > 400);
    const [much, none] = await Promise.all([hear("/live.mp3"), hear("/live.mp3?burst=0")]);
    await waitFor("the burst", () => much.bytes().length >= 65_536);
    expect(none.bytes().length).toBeLessThan(65_536 / 2 + 32_000);
  });

  it("lead one listener too many to the fallback where they say so", async () => {
    expect((await hear("/full.mp3")).status).toBe(200);
    const closed = await hear("/closed.mp3");
    await closed.ended;
    expect(`${closed.status} ${closed.bytes().toString()}`).toBe("403 max listeners reached");
  });

  it("put the station's headers on replies, on errors too", async () => {
    const mount = (await hear("/live.mp3")).headers;
    expect(mount).toMatchObject({
      "x-station": "all",
      "x-mount": "live",
      "access-control-allow-origin": "https://station.example",
    });
    expect(mount["x-missing"]).toBeUndefined();
    const absent = await fetch(`${stack.edgeUrl}/nothing.mp3`);
    expect([...absent.headers]).toEqual(
      expect.arrayContaining([
        ["x-station", "all"],
        ["x-missing", "yes"],
        ["x-mount", "any"],
      ]),
    );
    const refused = await rawRequest(stack.ingestPort, "GET /reserve.mp3 HTTP/1.0\r\n\r\n");
    expect(refused.toString()).toMatch(/^x-station: all\r$/im);
    const preflight = await fetch(`${stack.edgeUrl}/live.mp3`, {
      method: "OPTIONS",
      headers: { Origin: "https://a.example", "Access-Control-Request-Method": "GET" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://station.example");
  });

  it("lead from an alias to what it stands for, once", async () => {
    const root = await fetch(`${stack.edgeUrl}/`);
    expect(await root.json()).toHaveProperty("icestats");
    expect((await hear("/radio?burst=0")).headers["icy-name"]).toBe(said.name);
    expect((await fetch(`${stack.edgeUrl}/radio`, { method: "HEAD" })).headers.get("icy-name")).toBe(
      said.name,
    );
    expect((await hear("/twice")).status).toBe(404);
    expect((await hear("/by-port")).status).toBe(404);
    const byPort = await rawRequest(
      stack.ingestPort,
      `GET /by-port HTTP/1.0\r\nHost: radio.example:${stack.ingestPort}\r\n\r\n`,
      { timeoutMs: 1_500 },
    );
    expect(byPort.subarray(0, 15).toString()).toBe("HTTP/1.0 200 OK");
    const { stdout } = await run("ffprobe", [
      ...["-v", "error", "-show_entries", "format_tags=icy-name", "-of", "csv=p=0"],
      `${stack.edgeUrl}/radio`,
    ]);
    expect(stdout.trim()).toBe(said.name);
  });

  it("leave no listener behind that has gone", async () => {
    for (const each of open) each.close();
    await waitForStatus(stack, "/live.mp3", { listeners: 0 });
  });
});
