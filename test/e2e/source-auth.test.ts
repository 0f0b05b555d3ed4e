import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, requireClient, spawnClient } from "../support/clients.ts";
import { Encoder } from "../support/encoder.ts";
import { FrameList } from "../support/frame-check.ts";
import { firstStepBack, heardFrames } from "../support/heard.ts";
import { basic } from "../support/icecast-wire.ts";
import { listen } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { Receiver, webhookSignature } from "../support/receiver.ts";
import { SourceClient } from "../support/source-client.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const folder = mkdtempSync(join(tmpdir(), "skywave-source-auth-"));
const secret = Buffer.alloc(32, 5).toString("base64");
const minute = 60_000;

/** The operator's own server: lets in whoever knows the password that it made of the user's name, and takes webhooks. */
const operator = new Receiver();
let stack: Stack;
/** When ann's slot ends and bob's begins. */
let boundary = 0;

/** "Sat 20:15-20:16 UTC" */
function slot(fromMs: number, toMs: number): string {
  const [from, to] = [new Date(fromMs), new Date(toMs)];
  const day = from.toLocaleDateString("en-US", { weekday: "short", timeZone: "UTC" });
  const time = (at: Date) => at.toISOString().slice(11, 16);
  return JSON.stringify(`${day} ${time(from)}-${time(to)} UTC`);
}

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

beforeAll(async () => {
  await operator.open();
  operator.answer = ({ url, body }) => {
    if (url !== "/sauth") return {};
    const { user = "", pass } = Object.fromEntries(new URLSearchParams(body));
    return pass === `${user}-known` ? { headers: { "icecast-auth-user": "1" } } : {};
  };
  const stationFile = join(folder, "station.toml");
  const onAir = script("on-air", `echo "$1" >> '${join(folder, "on-air.txt")}'`);
  writeFileSync(
    stationFile,
    `
[limits]
segment_seconds = 1
source_timeout = 30

[[webhook]]
url = "${operator.url}/hook"
secret = "${secret}"
mounts = ["/hooked.mp3"]

[mounts."/asked/*"]
source_auth = { url = "${operator.url}/sauth" }
notify_connect = { url = "${operator.url}/madd" }
notify_disconnect = { url = "${operator.url}/mrem" }

[mounts."/hooked.mp3"]
on_connect = "${onAir}"
`,
  );
  stack = await startStack({ stationFile });
  // Time enough for ann to be heard, counted from when there is somebody to hear her.
  boundary = Math.ceil((Date.now() + 20_000) / minute) * minute;
  appendFileSync(
    stationFile,
    `
[mounts."/shows.mp3"]
dj = [
  { name = "ann", password = "ann-pw", slots = [${slot(boundary - 60 * minute, boundary)}] },
  { name = "bob", password = "bob-pw", slots = [${slot(boundary, boundary + 60 * minute)}] },
]
`,
  );
  stack.kill("ingest", "SIGHUP");
  await waitFor("the settings to be read again", () => stack.log().includes("settings read again"));
});
afterAll(async () => {
  await stack?.stop();
  await operator.close();
  rmSync(folder, { recursive: true, force: true });
});

const login = (mount: string, user: string, password: string) =>
  `SOURCE ${mount} HTTP/1.0\r\n${basic(user, password)}Content-Type: audio/mpeg\r\n\r\n`;

/** An encoder on air, or what was said instead. */
async function connect(mount: string, user: string, password: string): Promise<Encoder | string> {
  const client = await SourceClient.open(stack.ingestPort, login(mount, user, password));
  await waitFor("a reply", () => client.received.includes("\r\n\r\n") || client.ended, 20_000);
  return client.received.startsWith("HTTP/1.0 200") ? new Encoder(client) : client.text();
}

const asked = (mount: string) =>
  operator.requests.filter(({ body }) =>
    body.includes(`mount=${encodeURIComponent(mount).replaceAll(".", "%2e").toLowerCase()}&`),
  );
const setTitle = (mount: string, user: string, password: string, song: string) =>
  fetch(`${stack.ingestUrl}/admin/metadata?mode=updinfo&mount=${mount}&song=${song}`, {
    headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` },
  });

async function untilListed(mount: string, client: Client): Promise<void> {
  await waitFor(`${mount} to be on air\n${client.stderr()}`, async () => {
    const reply = await fetch(`${stack.edgeUrl}${mount}`, { method: "HEAD" });
    return reply.status === 200;
  });
}

describe("an authentication server", () => {
  it.concurrent("lets ffmpeg in, is asked as Icecast asks, and told of its coming and going", async (context) => {
    requireClient(context, "ffmpeg");
    const mount = "/asked/ffmpeg.mp3";
    const input = ["-nostdin", "-v", "warning", "-re", "-i", fixture("cbr128-joint44.mp3"), "-c", "copy"];
    const to = `icecast://ffmpeg:ffmpeg-known@127.0.0.1:${stack.ingestPort}${mount}`;
    const client = spawnClient("ffmpeg", [...input, "-content_type", "audio/mpeg", "-f", "mp3", to]);
    await untilListed(mount, client);
    client.kill();
    await waitFor("its going to be told", () => asked(mount).length === 2 || undefined);
    // What ends in the mount has no & after it.
    expect(
      operator.requests.some(({ url, body }) => url === "/madd" && body.includes("%2fffmpeg%2emp3")),
    ).toBe(true);
    expect(asked(mount)[0]?.body).toMatch(
      /^action=stream_auth&mount=%2fasked%2fffmpeg%2emp3&ip=127%2e0%2e0%2e1&server=localhost&port=\d+&user=ffmpeg&pass=ffmpeg%2dknown$/,
    );
  });

  it.concurrent("lets liquidsoap in, and its titles", async (context) => {
    requireClient(context, "liquidsoap");
    const mount = "/asked/liquidsoap.mp3";
    const path = join(folder, "radio.liq");
    writeFileSync(
      path,
      "settings.init.allow_root.set(true)\nsettings.log.stdout.set(true)\nsettings.log.file.set(false)\n" +
        `radio = mksafe(single('annotate:artist="Liq",title="Soap":${fixture("cbr128-joint44.mp3")}'))\n` +
        `output.icecast(%mp3(bitrate=64), host="127.0.0.1", port=${stack.ingestPort}, mount="${mount}", ` +
        `user="liq", password="liq-known", radio)\n`,
    );
    const client = spawnClient("liquidsoap", [path]);
    try {
      await untilListed(mount, client);
      await waitFor("its title to be asked for", () =>
        asked(mount).some(({ body }) => body.endsWith("&admin=1")),
      );
    } finally {
      client.kill();
    }
  });

  it.concurrent("is asked for titles as admin, and who it does not know gets Icecast's 401", async () => {
    const mount = "/asked/titles.mp3";
    const encoder = await connect(mount, "dj", "dj-known");
    if (typeof encoder === "string") throw new Error(encoder);
    expect((await setTitle(mount, "dj", "dj-known", "mine")).status).toBe(200);
    expect((await setTitle(mount, "dj", "wrong", "not")).status).toBe(401);
    expect(await connect(mount, "source", stack.password)).toMatch(
      /^HTTP\/1\.0 401 [^]*You need to authenticate\r\n$/,
    );
    expect(operator.requests.some(({ body }) => body.endsWith("&user=dj&pass=dj%2dknown&admin=1"))).toBe(
      true,
    );
    encoder.destroy();
  });
});

describe("webhooks and programs", () => {
  it.concurrent("hear of a source, its title and its end, signed and in order; a program gets the mount", async () => {
    const encoder = await connect("/hooked.mp3", "source", stack.password);
    if (typeof encoder === "string") throw new Error(encoder);
    expect((await setTitle("/hooked.mp3", "source", stack.password, "Song")).status).toBe(200);
    encoder.stop();
    const hooks = await waitFor("three webhooks", () => {
      const found = operator.requests.filter(({ url }) => url === "/hook");
      return found.length === 3 && found;
    });
    for (const hook of hooks) expect(hook.headers["webhook-signature"]).toBe(webhookSignature(secret, hook));
    const events = hooks.map(({ body }) => JSON.parse(body) as { type: string; data: object });
    expect(events).toMatchObject([
      { type: "source.connected", data: { mount: "/hooked.mp3", user: "source" } },
      { type: "title.changed", data: { title: "Song" } },
      { type: "source.disconnected" },
    ]);
    const file = join(folder, "on-air.txt");
    await waitFor("the program", () => existsSync(file) && readFileSync(file, "utf8") === "/hooked.mp3\n");
    expect(stack.log()).not.toContain(secret);
  });
});

describe("DJs", () => {
  it.concurrent("hand over at the boundary: the listener stays, the first is closed and refused, however often it returns", async () => {
    const mount = "/shows.mp3";
    const first = framesOf(fixture("cbr128-joint44.mp3"));
    const second = framesOf(fixture("vbr-v2.mp3")).slice(200);
    const list = new FrameList([...first, ...second]);
    expect(await connect(mount, "bob", "bob-pw"), "before the slot").toContain(" 401 ");
    await sleep(Math.max(0, boundary - 12_000 - Date.now()));

    const ann = await connect(mount, "ann", "ann-pw");
    if (typeof ann === "string") throw new Error(`${ann}\n${stack.log()}`);
    const sending = ann.send(first);
    await waitFor("ann to have been on air for a while", () => ann.sent > 150);
    const listener = await listen(`${stack.edgeUrl}${mount}`);
    expect(listener.status).toBe(200);

    let bob: Encoder | string = "";
    while (typeof bob === "string") {
      bob = await connect(mount, "bob", "bob-pw");
      if (typeof bob === "string") expect(bob).toContain(" 401 ");
      await sleep(100);
      expect(Date.now()).toBeLessThan(boundary + 5_000);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(boundary);
    await waitFor("ann to be closed", () => ann.closed);
    await sending;
    const refused: (Encoder | string)[] = [];
    const coming = (async () => {
      for (let again = 0; again < 3; again++) {
        refused.push(await connect(mount, "ann", "ann-pw"));
        await sleep(1_000);
      }
    })();
    await bob.send(second.slice(0, 150));
    await coming;
    for (const reply of refused) expect(reply).toContain(" 401 ");
    const last = first.length + bob.sent - 1;
    const heard = await waitFor("bob to be heard", () => {
      const found = heardFrames(listener.bytes(), list);
      return found.includes(last) && found;
    });
    bob.stop();
    listener.close();
    expect(firstStepBack(heard)).toBeNull();
    expect(heard.some((index) => index >= 0 && index < first.length)).toBe(true);
    const log = logLines(stack.log());
    expect(log.some(({ msg }) => /ann is outside of their slot, the next one begins at/.test(msg))).toBe(
      true,
    );
  });
});
