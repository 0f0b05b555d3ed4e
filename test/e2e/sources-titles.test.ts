import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import { bucketOf } from "../support/bucket.ts";
import { excerptOf } from "../support/fixture-audio.ts";
import {
  accepted,
  badRequest,
  basic,
  cgiUpdated,
  iceResponse,
  ok2,
  unauthorized,
  updated,
} from "../support/icecast-wire.ts";
import { normal } from "../support/icecast-wire.ts";
import { rawRequest } from "../support/raw-request.ts";
import { SourceClient } from "../support/source-client.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitForStatus } from "../support/status.ts";
import { waitFor } from "../support/wait.ts";

/** Title updates in every form that source clients use, from the request to the statistics. */
const password = "the-station-pw";
const adminPassword = "the-admin-pw";
const station = `
sources.password = "${password}"
admin.password = "${adminPassword}"
limits = { segment_seconds = 0.5, sources = 100 }
ingest.shoutcast_mount = "/stream"
`;

const second = excerptOf("crc128.mp3", 1).frames;
const auth = basic("source", password);
const admin = basic("admin", adminPassword);
const asUtf8 = (text: string) => Buffer.from(text, "utf8");
const asLatin1 = (text: string) => Buffer.from(text, "latin1");

let stack: Stack;
beforeAll(async () => {
  stack = await startStation(station);
});
afterAll(() => stack.stop());

const ask = async (request: Uint8Array, port = stack.ingestPort, halfClose = false) =>
  normal(await rawRequest(port, request, { halfClose }));

/** A source that is on the air. */
async function onAir(mount: string): Promise<SourceClient> {
  const client = await SourceClient.open(
    stack.ingestPort,
    `SOURCE ${mount} HTTP/1.0\r\n${auth}Content-Type: audio/mpeg\r\n\r\n`,
  );
  await client.until(accepted);
  client.send(second);
  return client;
}

const get = (mount: string, query: string, login = auth) =>
  `GET /admin/metadata?mode=updinfo&mount=${mount}&${query} HTTP/1.0\r\n${login}\r\n`;

function post(mount: string, fields: string): string {
  const body = `mode=updinfo&mount=${encodeURIComponent(mount)}&${fields}`;
  return (
    `POST /admin/metadata HTTP/1.1\r\nHost: x\r\n${auth}Content-Type: application/x-www-form-urlencoded\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

const korean = "김철수 - 안녕하세요";
const escaped = encodeURIComponent(korean);
/** What libshout makes of it: lower case, and everything but letters and digits escaped. */
const libshouts = escaped.toLowerCase().replaceAll("-", "%2d");

interface Form {
  readonly name: string;
  readonly mount: string;
  readonly request: (mount: string) => Uint8Array;
  readonly title: unknown;
  readonly reply?: string;
  /** Close our half with the request. */
  readonly halfClose?: boolean;
}

const forms: readonly Form[] = [
  {
    name: "song",
    mount: "/t1",
    request: (m) => asUtf8(get(m, "song=It%27s%20me+-%20B")),
    title: "It's me - B",
  },
  {
    name: "the admin's login",
    mount: "/t2",
    request: (m) => asUtf8(get(m, "song=A%20-%20B", admin)),
    title: "A - B",
  },
  {
    name: "artist and title",
    mount: "/t3",
    request: (m) => asUtf8(get(m, "artist=Bj%C3%B6rk&title=J%C3%B3ga&url=http%3A%2F%2Fx%2Fc.jpg")),
    title: "Björk - Jóga",
  },
  {
    name: "song, title and artist together, as liquidsoap's",
    mount: "/t4",
    request: (m) => asUtf8(get(m, `charset=UTF-8&title=t&artist=a&song=${escaped}`)),
    title: korean,
  },
  {
    name: "everything escaped, as libshout's",
    mount: "/t5.mp3",
    request: () => asUtf8(get("%2ft5%2emp3", `charset=UTF%2d8&song=${libshouts}`)),
    title: korean,
  },
  {
    name: "Latin-1 as declared",
    mount: "/t6",
    request: (m) => asUtf8(get(m, "charset=ISO-8859-1&song=caf%e9")),
    title: "café",
  },
  {
    name: "Latin-1 as declared though it could be UTF-8",
    mount: "/t7",
    request: (m) => asUtf8(get(m, "charset=ISO-8859-1&song=caf%c3%a9")),
    title: "cafÃ©",
  },
  {
    name: "UTF-8 without a charset",
    mount: "/t8",
    request: (m) => asUtf8(get(m, `song=${escaped}`)),
    title: korean,
  },
  {
    name: "Latin-1 without a charset",
    mount: "/t9",
    request: (m) => asUtf8(get(m, "song=caf%e9")),
    title: "café",
  },
  {
    name: "raw UTF-8 in the request line and a closed half, as butt's",
    mount: "/t10",
    request: (m) => asUtf8(get(m, `song=${korean.replaceAll(" ", "%20")}`)),
    title: korean,
    halfClose: true,
  },
  {
    name: "raw Latin-1 in the request line",
    mount: "/t11",
    request: (m) => asLatin1(get(m, "song=café")),
    title: "café",
  },
  { name: "an emoji", mount: "/t12", request: (m) => asUtf8(get(m, "song=%F0%9F%8E%B6")), title: "🎶" },
  {
    name: "a title that looks like a number",
    mount: "/t13",
    request: (m) => asUtf8(get(m, "song=1999")),
    title: 1999,
  },
  {
    name: "HTTP/1.1 with keep-alive",
    mount: "/t14",
    request: (m) =>
      asUtf8(get(m, "song=one").replace("HTTP/1.0", "HTTP/1.1\r\nHost: x\r\nConnection: keep-alive")),
    title: "one",
  },
  {
    name: "a form",
    mount: "/t15",
    request: (m) => asUtf8(post(m, `charset=UTF-8&song=${escaped}`)),
    title: korean,
  },
  {
    name: "admin.cgi with a pass and a mount",
    mount: "/t16",
    request: (m) =>
      asUtf8(
        `GET /admin.cgi?mode=updinfo&pass=${password}&mount=${m}&song=cgi HTTP/1.0\r\n` +
          "User-Agent: x (Mozilla Compatible)\r\n\r\n",
      ),
    title: "cgi",
    reply: cgiUpdated,
  },
];

describe("a title update", () => {
  it.concurrent.each(forms)("is answered and seen in the statistics: $name", async (form) => {
    const client = await onAir(form.mount);
    const reply = await ask(form.request(form.mount), stack.ingestPort, form.halfClose);
    expect(reply).toBe(form.reply ?? updated);
    client.send(second);
    await waitForStatus(stack, form.mount, { title: form.title });
    client.destroy();
  });

  it("of a song leaves nothing of the artist before, and an empty one clears the title", async () => {
    const client = await onAir("/clear");
    const steps = [
      ["artist=Old%20Artist&title=Old", "Old Artist - Old"],
      ["song=New%20Song", "New Song"],
      ["song=", null],
    ] as const;
    for (const [query, title] of steps) {
      expect(await ask(asUtf8(get("/clear", query)))).toBe(updated);
      client.send(second);
      await waitForStatus(stack, "/clear", { title });
    }
    client.destroy();
  });

  it("of a SHOUTcast source names no mount, and may come to either port", async () => {
    const client = await SourceClient.open(stack.ingestPort + 1, `${password}\r\nicy-name:sc\r\n\r\n`);
    await client.until(ok2);
    client.send(second);
    await waitForStatus(stack, "/stream", { server_name: "sc" });
    for (const [port, song] of [
      [stack.ingestPort, "one"],
      [stack.ingestPort + 1, "two"],
    ] as const) {
      const request = `GET /admin.cgi?mode=updinfo&pass=${password}&song=${song} HTTP/1.0\r\n\r\n`;
      expect(await ask(asUtf8(request), port)).toBe(cgiUpdated);
      client.send(second);
      await waitForStatus(stack, "/stream", { title: song });
    }
    client.destroy();
  });

  it("56 times at once is answered each time, the last one stands, and the audio is whole", async () => {
    const client = await onAir("/storm");
    await waitForStatus(stack, "/storm");
    const update = (song: string) => ask(asUtf8(get("/storm", `song=${song}`)));
    const songs = Array.from({ length: 56 }, (_, index) => `Unknown%20${index}%20${"x".repeat(500)}`);
    expect(new Set(await Promise.all(songs.map(update)))).toEqual(new Set([updated]));
    expect(await update("The%20last")).toBe(updated);
    client.send(second);
    await waitForStatus(stack, "/storm", { title: "The last" });
    client.socket.end();
    await client.text();
    const twice = Buffer.concat([second, second]);
    const stored = await waitFor("all of it to be stored", async () => {
      const audio = await bucketOf(stack).audio("/storm");
      return audio.length >= twice.length && audio;
    });
    expect(stored.equals(twice)).toBe(true);
    expect((await storedTitles("/storm")).at(-1)).toBe("The last");
  });
});

async function storedTitles(mount: string): Promise<string[]> {
  const bucket = bucketOf(stack);
  const titles: string[] = [];
  for (const key of await bucket.keys(mount)) {
    const { metadata } = await bucket.object(key);
    titles.push(...decodeSegmentMetadata(metadata).titles.map(({ text }) => text));
  }
  return titles;
}

describe("a title update that cannot be made", () => {
  let client: SourceClient;
  beforeAll(async () => {
    client = await onAir("/refuse");
  });
  afterAll(() => client.destroy());

  const nobody = "GET /admin/metadata?mount=/refuse&mode=updinfo&song=x HTTP/1.0\r\n\r\n";
  const own = (query: string) => `GET /admin/metadata?${query} HTTP/1.0\r\n${auth}\r\n`;
  const cgi = (query: string) => `GET /admin.cgi?${query} HTTP/1.0\r\n\r\n`;
  it.each([
    ["no login", nobody, unauthorized],
    ["a wrong password", get("/refuse", "song=x", basic("source", "bad")), unauthorized],
    ["a mount without a source", get("/zz", "song=x"), badRequest("Source does not exist")],
    ["no mount", own("mode=updinfo&song=x"), badRequest("Unknown admin request")],
    ["no mode", own("mount=/refuse&song=x"), badRequest("Missing parameter")],
    ["a wrong mode", own("mount=/refuse&mode=zz&song=x"), iceResponse("No such action", 0)],
    ["no title", own("mount=/refuse&mode=updinfo"), updated],
    [
      "admin.cgi without a pass",
      cgi("mode=updinfo&mount=/refuse&song=x"),
      badRequest("missing pass parameter"),
    ],
    ["admin.cgi with a wrong pass", cgi("mode=updinfo&mount=/refuse&pass=zz&song=x"), unauthorized],
    [
      "admin.cgi with a wrong mode",
      cgi(`mode=x&mount=/refuse&pass=${password}&song=x`),
      badRequest("No such action"),
    ],
    [
      "admin.cgi for a mount without a source",
      cgi(`mode=updinfo&mount=/zz&pass=${password}&song=x`),
      badRequest("Source does not exist"),
    ],
  ])("is answered to the byte as Icecast does: %s", async (_, request, reply) => {
    expect(await ask(asUtf8(request))).toBe(reply);
  });

  it("changes nothing", async () => {
    const before = (await bucketOf(stack).keys("/refuse")).length;
    client.send(Buffer.concat([second, second]));
    await waitFor(
      "two more segments",
      async () => (await bucketOf(stack).keys("/refuse")).length >= before + 2,
    );
    expect(await storedTitles("/refuse")).toEqual([]);
    expect(await waitForStatus(stack, "/refuse")).not.toHaveProperty("title");
  });
});
