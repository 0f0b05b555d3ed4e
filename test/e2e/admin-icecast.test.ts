import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IcecastServer, startIcecast } from "../support/icecast-server.ts";
import { listen, type Listening } from "../support/listen.ts";
import { rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/*
 * The same commands to Debian's Icecast and to the ingest port of Skywave, both with the same configuration and the same
 * sources, one after another. What is compared is the status line, the type and the body, without times, identities and
 * counts of connections.
 */

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const folder = mkdtempSync(join(tmpdir(), "skywave-admin-icecast-"));
chmodSync(folder, 0o777);
const mounts = `
  <mount type="normal"><mount-name>/live.mp3</mount-name><fallback-mount>/backup.mp3</fallback-mount></mount>
  <mount type="normal"><mount-name>/dump.mp3</mount-name><hidden>1</hidden><max-listeners>3</max-listeners></mount>
  <mount type="normal"><mount-name>/auth.mp3</mount-name><authentication type="htpasswd"><option name="filename" value="${folder}/users-of-SERVER"/></authentication></mount>`;
const common = (server: string) => `
  <location>Testland</location><admin>ops@example.org</admin><hostname>radio.example</hostname>
  <authentication><source-password>hackme</source-password><relay-user>relay</relay-user><relay-password>relayme</relay-password><admin-user>admin</admin-user><admin-password>adminpw</admin-password></authentication>
  ${mounts.replace("SERVER", server)}`;

let icecast: IcecastServer | null = null;
let stack: Stack;
const sources: Streaming[] = [];
const listeners: Listening[] = [];

beforeAll(async () => {
  icecast = await startIcecast(
    ({ port, folder: own, share }) => `<icecast>${common("icecast")}
  <limits><clients>100</clients><sources>10</sources><burst-size>65535</burst-size></limits>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths><basedir>${share}</basedir><logdir>${own}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot></paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>1</loglevel></logging>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security></icecast>`,
  );
  const stationFile = join(folder, "icecast.xml");
  writeFileSync(
    stationFile,
    `<icecast>${common("skywave")}<limits><clients>100</clients><sources>10</sources></limits></icecast>`,
  );
  stack = await startStack({ stationFile });
  for (const port of [icecast?.port, stack.ingestPort]) {
    if (port === undefined) continue;
    const more = {
      "Ice-Name": "My Radio",
      "Ice-Audio-Info": "ice-samplerate=44100;ice-bitrate=128",
      "User-Agent": "cap/1",
    };
    for (const mount of ["/a.mp3", "/auth.mp3", "/b.mp3", "/backup.mp3", "/dump.mp3"]) {
      const headers = mount === "/a.mp3" ? more : { "User-Agent": "cap/1" };
      sources.push(await streamMp3(port, mount, fixture, { password: "hackme", loop: true, headers }));
    }
    listeners.push(await listen(`http://127.0.0.1:${port}/a.mp3`, { headers: { "User-Agent": "VLC<3>&" } }));
  }
  await waitFor("all to be listed", async () => {
    const { body } = await ask(stack.ingestPort, "stats?mount=/a.mp3", "admin:adminpw");
    return (
      body.includes("<listeners>1<") &&
      (await ask(stack.ingestPort, "listmounts", "admin:adminpw")).body.includes("/dump.mp3")
    );
  });
});

afterAll(async () => {
  for (const each of [
    ...listeners.map((one) => () => one.close()),
    ...sources.map((one) => () => one.destroy()),
  ])
    each();
  await stack?.stop();
  await icecast?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(port: number, command: string, login: string | null) {
  const authorization =
    login === null ? "" : `Authorization: Basic ${Buffer.from(login).toString("base64")}\r\n`;
  const request = `GET /admin/${command} HTTP/1.0\r\nHost: radio.example:8000\r\n${authorization}\r\n`;
  const [head = "", ...body] = (await rawRequest(port, request)).toString("utf8").split("\r\n\r\n");
  return {
    status: head.split("\r\n")[0],
    type: /^content-type: *(.*)$/im.exec(head)?.[1]?.trim().toLowerCase(),
    body: body.join("\r\n\r\n"),
  };
}

/** What differs between any two servers, or between two moments. */
const comparable = (body: string, port: number): string =>
  body
    .replaceAll(`radio.example:${port}`, "radio.example:8000")
    .replace(/(<(?:\w*_start\w*|Connected|ID|total_bytes_\w+|clients|\w*connections)>)[^<]*/g, "$1")
    // Ours takes the bit rate from ice-audio-info where no other header tells it; a mount that its fallback plays for is
    // listed by Icecast only after a reload.
    .replace(/<bitrate>\d*<\/bitrate>/, "")
    .replace(/<source mount="\/live\.mp3">.*?<\/source>/, "");

/*
 * Not asked, for it is otherwise on purpose: `streamlist.txt` by an administrator (401 there), a user that was added and
 * is deleted within the same second (still listed there), names and passwords of `buildm3u` that need encoding (left as
 * they are there), POST (400 there).
 */
const asked: readonly (readonly [command: string, login: string | null])[] = [
  ["stats", "admin:adminpw"],
  ["stats.xml", "admin:adminpw"],
  ["stats?mount=/a.mp3", "source:hackme"],
  ["stats?mount=/zz.mp3", "admin:adminpw"],
  ["stats", "source:hackme"],
  ["stats", "relay:relayme"],
  ["stats", null],
  ["stats", "admin:wrong"],
  ["listmounts", "admin:adminpw"],
  ["listmounts?mount=/a.mp3", "admin:adminpw"],
  ["streamlist", "admin:adminpw"],
  ["streamlist", "relay:relayme"],
  ["streamlist.txt", "relay:relayme"],
  ["streamlist.txt", "source:hackme"],
  ["listclients?mount=/a.mp3", "admin:adminpw"],
  ["listclients?mount=/a.mp3", "source:hackme"],
  ["listclients?mount=/live.mp3", "admin:adminpw"],
  ["listclients", "admin:adminpw"],
  ["zzz", "admin:adminpw"],
  ["zzz", null],
  ["stats/", "admin:adminpw"],
  ["killclient?mount=/a.mp3", "admin:adminpw"],
  ["killclient?mount=/a.mp3&id=abc", "admin:adminpw"],
  ["killclient?mount=/b.mp3&id=999999", "admin:adminpw"],
  ["killclient?id=1", "admin:adminpw"],
  ["updatemetadata?mount=/a.mp3", "admin:adminpw"],
  ["moveclients?mount=/a.mp3", "admin:adminpw"],
  ["moveclients?mount=/a.mp3&destination=/zz.mp3", "admin:adminpw"],
  ["moveclients?mount=/a.mp3&destination=/a.mp3", "admin:adminpw"],
  ["moveclients?mount=/backup.mp3&destination=/live.mp3", "admin:adminpw"],
  ["moveclients?mount=/zz.mp3&destination=/a.mp3", "admin:adminpw"],
  ["moveclients?destination=/a.mp3", "admin:adminpw"],
  ["moveclients?mount=/b.mp3&destination=/dump.mp3", "admin:adminpw"],
  ["fallbacks?mount=/b.mp3", "admin:adminpw"],
  ["fallbacks?mount=/zz.mp3&fallback=/a.mp3", "admin:adminpw"],
  ["fallbacks?mount=/b.mp3&fallback=/a.mp3", "admin:adminpw"],
  ["manageauth?mount=/b.mp3&action=list", "admin:adminpw"],
  ["manageauth?mount=/auth.mp3&action=list", "admin:adminpw"],
  ["manageauth?mount=/auth.mp3&action=add&username=u1", "admin:adminpw"],
  ["manageauth?mount=/auth.mp3&action=add&username=u1&password=p1", "admin:adminpw"],
  ["manageauth?mount=/auth.mp3&action=add&username=u1&password=p1", "admin:adminpw"],
  ["manageauth?mount=/auth.mp3&action=delete&username=zz", "admin:adminpw"],
  ["manageauth?mount=/zz.mp3&action=list", "admin:adminpw"],
  ["manageauth?action=list", "admin:adminpw"],
  ["buildm3u?mount=/b.mp3&username=u&password=p", null],
  ["buildm3u?mount=/zz.mp3&username=u&password=p", null],
  ["buildm3u?mount=/b.mp3&username=u", null],
  ["buildm3u?username=u&password=p", null],
  ["metadata?mount=/a.mp3&mode=updinfo&song=x", "relay:relayme"],
  ["metadata?mount=/a.mp3&mode=zz", "admin:adminpw"],
  ["metadata?mount=/a.mp3", "admin:adminpw"],
  ["metadata?mode=updinfo&song=x", "admin:adminpw"],
  ["killsource", "admin:adminpw"],
  ["killsource?mount=/zz.mp3", "admin:adminpw"],
  ["killsource?mount=/backup.mp3", "source:hackme"],
];

describe("Icecast's commands", () => {
  it("are answered as Debian's Icecast answers them", async ({ skip }) => {
    if (!icecast) return skip("icecast2 is not installed");
    const differences: unknown[] = [];
    for (const [command, login] of asked) {
      const [theirs, ours] = [
        await ask(icecast.port, command, login),
        await ask(stack.ingestPort, command, login),
      ];
      const [expected, got] = [
        { ...theirs, body: comparable(theirs.body, icecast.port) },
        { ...ours, body: comparable(ours.body, stack.ingestPort) },
      ];
      if (JSON.stringify(got) !== JSON.stringify(expected))
        differences.push({ command, login, expected, got });
    }
    expect(differences).toEqual([]);
  });
});
