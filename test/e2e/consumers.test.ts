import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { requireClient, runClient, spawnClient } from "../support/clients.ts";
import { type IcecastServer, startIcecast } from "../support/icecast-server.ts";
import { listen } from "../support/listen.ts";
import { openFolder, outputOf } from "../support/players.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";
import {
  azuracastClients,
  azuracastNowPlaying,
  muninSeries,
  netdataListeners,
  telegrafListeners,
} from "./consumers/collectors.ts";
import { type PlayerState, playerSite } from "./consumers/player-site.ts";

/** Programs that other people made for Icecast, with Skywave in its place. */

vi.setConfig({ maxConcurrency: 10 });

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const folder = openFolder();
const passwords = { source: "hackme", admin: "adminpw" };
const limits = "<limits><clients>100</clients><sources>10</sources></limits>";
const authentication = `<authentication><source-password>${passwords.source}</source-password><admin-user>admin</admin-user><admin-password>${passwords.admin}</admin-password></authentication>`;
const mounts = `
  <mount type="normal"><mount-name>/live.mp3</mount-name><stream-name>Live &amp; loud</stream-name></mount>
  <mount type="normal"><mount-name>/second.mp3</mount-name><stream-name>Second</stream-name></mount>
  <mount type="normal"><mount-name>/members.mp3</mount-name><hidden>1</hidden><authentication type="htpasswd">
    <option name="filename" value="${folder}/members"/></authentication></mount>`;

let stack: Stack;
const sources: Streaming[] = [];

beforeAll(async () => {
  await membersOfIcecast();
  const stationFile = join(folder, "icecast.xml");
  writeFileSync(
    stationFile,
    `<icecast>${limits}${authentication}${mounts}<hostname>radio.example</hostname>
    <paths><logdir>${folder}</logdir></paths><logging><accesslog>access.log</accesslog></logging></icecast>`,
  );
  stack = await startStack({ stationFile });
  for (const mount of ["/live.mp3", "/second.mp3", "/members.mp3"])
    sources.push(await onAir(stack.ingestPort, mount));
});

afterAll(async () => {
  for (const each of sources) each.destroy();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const onAir = (port: number, mount: string) =>
  streamMp3(port, mount, fixture, {
    password: passwords.source,
    loop: true,
    headers: { "Ice-Bitrate": "128", "User-Agent": "encoder/1" },
  });

const authorization = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const asAdmin = authorization("admin", passwords.admin);

async function setTitle(mount: string, song: string): Promise<void> {
  const query = new URLSearchParams({ mode: "updinfo", mount, song });
  const reply = await fetch(`${stack.ingestUrl}/admin/metadata?${query}`, { headers: asAdmin });
  expect(reply.status).toBe(200);
}

/** Debian's Icecast makes the password file, and is gone before we start. */
async function membersOfIcecast(): Promise<void> {
  const icecast: IcecastServer | null = await startIcecast(
    ({ port, folder: own, share }) => `<icecast>${limits}${authentication}${mounts}
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths><basedir>${share}</basedir><logdir>${own}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot></paths>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security></icecast>`,
  );
  if (!icecast) return writeFileSync(join(folder, "members"), "");
  const source = await onAir(icecast.port, "/members.mp3");
  try {
    for (const [username, password] of Object.entries(members)) {
      const query = new URLSearchParams({ mount: "/members.mp3", action: "add", username, password });
      const url = `http://127.0.0.1:${icecast.port}/admin/manageauth?${query}`;
      expect(await (await fetch(url, { headers: asAdmin })).text()).toContain("User added");
    }
  } finally {
    source.destroy();
    await icecast.stop();
  }
}
const members = { anna: "correct horse", 한글: "비밀번호", "o'neill": "a&b=c%" };

describe.concurrent("people and programs that knew Icecast", () => {
  it("log in with the passwords that Icecast's own pages have made", async (context) => {
    requireClient(context, "icecast2");
    expect(readFileSync(join(folder, "members"), "utf8")).toMatch(/^anna:[0-9a-f]{32}$/m);
    const asks = (user: string, password: string) =>
      listen(`${stack.edgeUrl}/members.mp3`, { headers: authorization(user, password) });
    for (const [user, password] of Object.entries(members)) {
      const listening = await asks(user, password);
      expect(listening.status, user).toBe(200);
      await waitFor(`${user} to hear something`, () => listening.bytes().length > 10_000);
      listening.close();
    }
    const refused = [await asks("anna", "wrong"), await asks("nobody", "correct horse")];
    for (const each of refused) each.close();
    expect(refused.map(({ status }) => status)).toEqual([401, 401]);
  });

  it("liquidsoap relays a mount, its loudness and its titles", async (context) => {
    requireClient(context, "liquidsoap", "ffmpeg");
    const script = join(folder, "relay.liq");
    const output = join(folder, "relay.wav");
    writeFileSync(
      script,
      "settings.init.allow_root.set(true)\nsettings.log.stdout.set(true)\nsettings.log.file.set(false)\n" +
        `radio = input.http("${stack.edgeUrl}/live.mp3")\n` +
        'radio.on_metadata(fun (m) -> print("TITLE <" ^ m["title"] ^ ">"))\n' +
        `output.file(fallible=true, %wav, "${output}", radio)\n`,
    );
    const client = spawnClient("liquidsoap", [script]);
    const said = (title: string) => outputOf(client).includes(`TITLE <${title}>`);
    try {
      await waitFor("liquidsoap to play", () => fileSize(output) > 3 * pcmBytesPerSecond, 40_000);
      await setTitle("/live.mp3", "첫 곡 - Björk");
      await waitFor("the first title", () => said("첫 곡 - Björk"), 20_000);
      await setTitle("/live.mp3", "Second - Song");
      await waitFor("the second title", () => said("Second - Song"), 20_000);
      await waitFor("ten seconds", () => fileSize(output) > 10 * pcmBytesPerSecond, 20_000);
    } catch (error) {
      throw new Error(`${String(error)}\n${outputOf(client).slice(-3000)}`, { cause: error });
    } finally {
      client.kill();
    }
    expect(outputOf(client)).not.toMatch(/decod\w* error|Connection failed|overrun|catchup/i);
    expect(Math.abs((await meanVolume(output)) - (await meanVolume(fixture)))).toBeLessThan(2);
  });

  it("icecast-metadata-player plays in Chromium from another origin, and shows the titles in order", async (context) => {
    requireClient(context, "chromium");
    const site = await playerSite(`${stack.edgeUrl}/second.mp3`);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
      const look = () => page.evaluate<PlayerState>("look()");
      try {
        await waitFor("three seconds to be played", async () => (await look()).seconds > 3, 40_000);
        const songs = ["One & only", "둘 - 노래", "It's three"];
        for (const song of songs) {
          await setTitle("/second.mp3", song);
          await waitFor(`${song} to be shown`, async () => (await look()).shown.at(-1) === song, 30_000);
        }
        const { shown, troubles, interval, state } = await look();
        expect(shown.filter((title) => title !== "")).toEqual(songs);
        expect({ troubles, state, complaints }).toEqual({ troubles: [], state: "playing", complaints: [] });
        expect(interval).toBe(16_000);
      } catch (error) {
        throw new Error(`${String(error)}\n${JSON.stringify([await look(), complaints])}`, { cause: error });
      }
    } finally {
      await browser.close();
      site.close();
    }
  });

  it("netdata's collector finds the sources and their listeners", async (context) => {
    requireClient(context, python, `${netdata}/icecast.chart.py`);
    const listeners = [1, 2].map(() => listen(`${stack.ingestUrl}/second.mp3`));
    const driver = join(import.meta.dirname, "consumers", "netdata.py");
    try {
      const collected = await waitFor(
        "two listeners to be collected",
        async () => {
          const client = await runClient(python, [driver, netdata, `${stack.ingestUrl}/status-json.xsl`]);
          const { found, listeners: counts } = JSON.parse(client.stdout().toString()) as Collected;
          return found === true && (counts["source_1"] ?? 0) >= 2 && counts;
        },
        30_000,
      );
      // The third mount is hidden.
      expect(Object.keys(collected)).toEqual(["source_0", "source_1"]);
    } finally {
      for (const each of await Promise.all(listeners)) each.close();
    }
  });

  it("readers of statistics find the listeners and the titles", async () => {
    const server = { url: stack.ingestUrl, headers: asAdmin };
    const listener = await listen(`${stack.ingestUrl}/live.mp3`, {
      headers: { "User-Agent": "Counted<3>&" },
    });
    try {
      const clients = await waitFor("the listener to be listed", async () => {
        const found = await azuracastClients(server, "/live.mp3");
        return found.some(({ userAgent }) => userAgent === "Counted<3>&") && found;
      });
      expect(clients.find(({ userAgent }) => userAgent === "Counted<3>&")).toEqual({
        id: expect.stringMatching(/^\d+$/),
        ip: "127.0.0.1",
        userAgent: "Counted<3>&",
        connectedSeconds: expect.any(Number),
      });
      await waitFor("all to count it", async () => {
        const [netdata, telegraf, azuracast] = await Promise.all([
          netdataListeners(server),
          telegrafListeners(server),
          azuracastNowPlaying(server, "/live.mp3"),
        ]);
        const counts = [netdata["Live & loud"], telegraf["live.mp3"], azuracast.listeners];
        return counts.every((count) => count !== undefined && count > 0) && "second.mp3" in telegraf;
      });
      // The other two mounts have their titles from other tests.
      await setTitle("/members.mp3", "Artist & <Co> - 노래");
      const playing = await waitFor("the title to be listed", async () => {
        const found = await azuracastNowPlaying(server, "/members.mp3");
        return found.text !== "" && found;
      });
      expect(playing).toMatchObject({
        text: "Artist & <Co> - 노래",
        bitrate: 128,
        format: "audio/mpeg",
        listeners: expect.any(Number),
      });
      const count: unknown = expect.any(Number);
      expect(await muninSeries(server)).toEqual({
        total: count,
        sources: 3,
        live_mp3: count,
        second_mp3: count,
        members_mp3: count,
      });
    } finally {
      listener.close();
    }
  });
});

/** Debian's, and its folder of collectors. */
const python = "/usr/bin/python3";
const netdata = "/usr/lib/netdata/python.d";
interface Collected {
  readonly found: boolean | null;
  readonly listeners: Readonly<Record<string, number>>;
}

const pcmBytesPerSecond = 44_100 * 4;
const fileSize = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** In dB, as ffmpeg measures it. */
async function meanVolume(path: string): Promise<number> {
  const args = ["-nostdin", "-ignore_length", "1", "-i", path, "-af", "volumedetect", "-f", "null", "-"];
  const client = await runClient("ffmpeg", path.endsWith(".wav") ? args : args.toSpliced(1, 2));
  return Number(/mean_volume: (-?[\d.]+) dB/.exec(outputOf(client))?.[1]);
}
