import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CheckedListener } from "../support/checked-listener.ts";
import { FrameList } from "../support/frame-check.ts";
import {
  type IcecastPlace,
  type IcecastServer,
  icecastVersion,
  startIcecast,
} from "../support/icecast-server.ts";
import { basic } from "../support/icecast-wire.ts";
import { rawRequest } from "../support/raw-request.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/*
 * Debian's Icecast and Skywave, each relaying the other:
 *
 *   source ─▶ Icecast "master" /far.mp3 ─▶ our relay /near.mp3 ─▶ listener
 *   source ─▶ Skywave /live.mp3 ─▶ Icecast "slave", told by our streamlist.txt ─▶ listener
 */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const list = new FrameList(framesOf(fixture));
const frame = { samples: 1152, sampleRate: 44_100 };
const relayPassword = "relay-password-of-the-test";

const isInstalled = icecastVersion() !== null;
if (!isInstalled && process.env["SKYWAVE_REQUIRE_CLIENTS"] === "1")
  throw new Error("icecast2 is not installed");

let master: IcecastServer;
let slave: IcecastServer;
let stack: Stack;
const sources: Streaming[] = [];
const listeners: CheckedListener[] = [];

beforeAll(async () => {
  if (!isInstalled) return;
  const started = await startIcecast((place) => icecast(place, ""));
  if (!started) throw new Error("Icecast did not start");
  master = started;
  sources.push(
    await streamMp3(master.port, "/far.mp3", fixture, { password: "pw", loop: true, head: head("/far.mp3") }),
  );
  stack = await startStation(`
[sources]
password = "pw-of-sources"

[[user]]
name = "relay"
role = "relay"
password = "${relayPassword}"

[[relay]]
url = "http://127.0.0.1:${master.port}/far.mp3"
mount = "/near.mp3"

[[relay]]
url = "http://127.0.0.1:${master.port}/far.mp3"
mount = "/asked.mp3"
on_demand = true
`);
  sources.push(
    await streamMp3(stack.ingestPort, "/live.mp3", fixture, { password: stack.password, loop: true }),
  );
});

afterAll(async () => {
  for (const listener of listeners) listener.close();
  for (const source of sources) source.destroy();
  await Promise.all([stack?.stop(), master?.stop(), slave?.stop()]);
});

const listen = (port: number, mount: string): CheckedListener => {
  const listener = new CheckedListener(`http://127.0.0.1:${port}${mount}`, { list, frame, icy: true });
  listeners.push(listener);
  return listener;
};
/** Whoever can hear five seconds of it without a fault hears it. */
const hears = (what: string, listener: CheckedListener): Promise<true> =>
  waitFor(`${what} to be heard`, () => (listener.check.frames > 190 ? true : undefined), 40_000);

it.runIf(isInstalled)(
  "a mount of Icecast's is on air here, frame by frame, with its titles and its name",
  async () => {
    await waitFor(
      "the relay to be on air",
      () => stack.log().includes('"title":"Far - One"') || setTitle("Far - One"),
      30_000,
    );
    const listener = await waitFor("the relay to be heard", async () => {
      const each = listen(stack.edgePort, "/near.mp3");
      await waitFor("a status", () => each.status > 0);
      return each.status === 200 ? each : undefined;
    });
    await hears("the relay", listener);
    await setTitle("Far - Two");
    await waitFor("the title", () => listener.titles.some(({ text }) => text === "Far - Two"), 30_000);
    expect(listener.headers["icy-name"]).toBe("Far Radio");
    expect(listener.close()).toEqual([]);
  },
);

it.runIf(isInstalled)("a mount on demand is fetched when somebody asks for it", async () => {
  expect(await onAir()).not.toContain("/asked.mp3");
  const listener = listen(stack.ingestPort, "/asked.mp3");
  await hears("the mount on demand", listener);
  expect(listener.close()).toEqual([]);
});

it.runIf(isInstalled)(
  "a source of our own takes a relay's mount, and the relay comes back when it has gone",
  async () => {
    const own = await streamMp3(stack.ingestPort, "/near.mp3", fixture, {
      password: stack.password,
      loop: true,
    });
    await waitFor("the relay to be gone", () => stack.log().includes("taken over by another connection"));
    await own.stop();
    const relayed = () =>
      stack
        .log()
        .split("\n")
        .filter(
          (line) =>
            line.includes("source on air") &&
            line.includes('"protocol":"relay"') &&
            line.includes("/near.mp3"),
        );
    await waitFor("the relay to be back", () => relayed().length >= 2, 30_000);
  },
);

it.runIf(isInstalled)("Icecast as our slave plays what we have on air", async () => {
  const started = await startIcecast((place) =>
    icecast(
      place,
      `<master-server>127.0.0.1</master-server><master-server-port>${stack.ingestPort}</master-server-port>
       <master-username>relay</master-username><master-password>${relayPassword}</master-password>
       <master-update-interval>5</master-update-interval>`,
    ),
  );
  if (!started) throw new Error("Icecast did not start");
  slave = started;
  await waitFor(
    "the slave to have our stream",
    async () => {
      const status = (await rawRequest(slave.port, "GET /status-json.xsl HTTP/1.0\r\n\r\n")).toString();
      return status.includes("/live.mp3");
    },
    40_000,
  );
  const listener = listen(slave.port, "/live.mp3");
  await waitFor("our stream to be heard through the slave", () => listener.check.frames > 190, 40_000);
  // Icecast begins in the middle of a frame, and only there.
  const problems = listener.close().filter((problem) => !problem.includes("before frame 0"));
  expect(problems).toEqual([]);
});

async function setTitle(song: string): Promise<false> {
  const query = `mode=updinfo&mount=/far.mp3&charset=UTF-8&song=${encodeURIComponent(song)}`;
  const reply = await rawRequest(
    master.port,
    `GET /admin/metadata?${query} HTTP/1.0\r\n${basic("source", "pw")}\r\n`,
  );
  if (!reply.includes("Metadata update successful")) throw new Error(reply.toString());
  return false;
}

const onAir = async (): Promise<string> =>
  (
    await rawRequest(
      stack.ingestPort,
      `GET /admin/streamlist.txt HTTP/1.0\r\n${basic("relay", relayPassword)}\r\n`,
    )
  ).toString();

function head(mount: string): string {
  return `SOURCE ${mount} HTTP/1.0\r\n${basic("source", "pw")}Content-Type: audio/mpeg\r\nice-name: Far Radio\r\nice-bitrate: 128\r\n\r\n`;
}

const icecast = ({ port, folder, share }: IcecastPlace, more: string): string => `<icecast>
  <limits><clients>100</clients><sources>20</sources><source-timeout>10</source-timeout></limits>
  <authentication>
    <source-password>pw</source-password><relay-password>pw</relay-password>
    <admin-user>admin</admin-user><admin-password>pw</admin-password>
  </authentication>
  ${more}
  <hostname>localhost</hostname>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <fileserve>0</fileserve>
  <paths>
    <basedir>${share}</basedir><logdir>${folder}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>3</loglevel></logging>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security>
</icecast>
`;
