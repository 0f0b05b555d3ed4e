import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { z } from "zod";
import type { announceSchema } from "../../shared/edge-api.ts";
import { noSecrets } from "../../shared/edge-secrets.ts";
import { maxTitleBytes } from "../../shared/title.ts";
import { bodyOf as bodyOfRequest } from "./fake-edge.ts";
import {
  adminPassword,
  basic,
  type Client,
  eventually,
  frames,
  RunningIngest,
  sourceHead,
  sourcePassword,
} from "./running-ingest.ts";

let running: RunningIngest;
let source: Client;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open();
  source = running.connect();
  source.send(sourceHead("/a.mp3"));
  await source.until(/200 OK/);
});
afterEach(() => running.close());

const login = basic("source", sourcePassword);
const md5Of = (text: string) => createHash("md5").update(text).digest("hex");
const get = (target: string, headers = login) => running.exchange(`GET ${target} HTTP/1.0\r\n${headers}\r\n`);
const bodyOf = (reply: string) => reply.slice(reply.indexOf("\r\n\r\n") + 4);
const done =
  '<?xml version="1.0"?>\n<iceresponse><message>Metadata update successful</message><return>1</return></iceresponse>\n';

/** The titles announced once the source has gone. */
async function titlesAtEnd(): Promise<
  (z.infer<typeof announceSchema>["segment"]["titles"][number] & { sequence: number })[]
> {
  source.socket.end();
  await eventually(() => running.edge.calls.includes("release /a.mp3"));
  return running.edge.announcements.flatMap(({ segment }) =>
    segment.titles.map((title) => ({ ...title, sequence: segment.sequence })),
  );
}

test("a title begins at the frame that comes next, and its segment's object says so too", async () => {
  source.send(frames(30));
  await eventually(() => running.edge.announcements.length === 1);
  expect(bodyOf(await get("/admin/metadata?mount=%2Fa.mp3&mode=updinfo&song=It%27s%20me%20-%20B"))).toBe(
    done,
  );
  source.send(frames(30, 30));
  await eventually(() => running.edge.announcements.length >= 2);
  const titles = await titlesAtEnd();
  expect(titles).toHaveLength(1);
  expect(titles[0]).toMatchObject({ text: "It's me - B", sequence: 1 });
  const atSample = titles[0]?.atSample ?? 0;
  // Frames 20 to 29 are in the open segment, but for the few that wait for confirmation.
  expect(atSample % 1152).toBe(0);
  expect(atSample / 1152).toBeGreaterThanOrEqual(7);
  expect(atSample / 1152).toBeLessThanOrEqual(10);
});

test("admin and source logins may both set a title, before the first frame as well", async () => {
  const url = "/admin/metadata?mount=/a.mp3&mode=updinfo";
  expect(bodyOf(await get(`${url}&song=one`, basic("admin", adminPassword)))).toBe(done);
  expect(
    bodyOf(await get(`${url}&artist=Bj%C3%B6rk&title=J%C3%B3ga&url=https%3A%2F%2Fx%2Fc.jpg&charset=UTF-8`)),
  ).toBe(done);
  source.send(frames(30));
  expect(await titlesAtEnd()).toEqual([
    { atSample: 0, text: "Björk - Jóga", url: "https://x/c.jpg", sequence: 0 },
  ]);
});

test("butt: raw UTF-8 in the request line, and the reply comes though the client has closed its half", async () => {
  const client = running.connect();
  client.socket.end(
    `GET /admin/metadata?mode=updinfo&mount=/a.mp3&song=김철수%20-%20안녕 HTTP/1.0\r\n${login}\r\n`,
  );
  expect(bodyOf(await client.text())).toBe(done);
  source.send(frames(30));
  expect(await titlesAtEnd()).toMatchObject([{ text: "김철수 - 안녕" }]);
});

test("libshout's POST form", async () => {
  const form = "mode=updinfo&mount=%2fa%2emp3&charset=UTF%2d8&song=posted";
  const client = running.connect();
  client.send(
    `POST /admin/metadata HTTP/1.1\r\n${login}Content-Length: ${form.length}\r\n\r\n${form.slice(0, 9)}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.send(form.slice(9));
  expect(bodyOf(await client.text())).toBe(done);
  source.send(frames(30));
  expect(await titlesAtEnd()).toMatchObject([{ text: "posted" }]);
});

test("a title of 10 kB with a quote, NUL, line breaks and emoji is one line that fits", async () => {
  const song = encodeURIComponent(`a';b\0c\r\nd 🎶 ${"x".repeat(10_000)}`);
  expect(bodyOf(await get(`/admin/metadata?mount=/a.mp3&mode=updinfo&song=${song}`))).toBe(done);
  source.send(frames(30));
  const [title] = await titlesAtEnd();
  expect(title?.text.startsWith("a';bc d 🎶 xxx")).toBe(true);
  expect(Buffer.byteLength(title?.text ?? "")).toBe(maxTitleBytes);
});

test("SHOUTcast's form names no mount: it is that of the SHOUTcast source", async () => {
  const dj = running.connect(running.ports.shoutcastPort);
  dj.send(Buffer.concat([Buffer.from(`/dj.mp3:${sourcePassword}\r\n\r\n`), frames(15)]));
  await eventually(() => running.edge.claims.length === 2);
  const reply = await get(`/admin.cgi?mode=updinfo&pass=${sourcePassword}&song=Foo%20-%20Bar`, "");
  expect(bodyOf(reply)).toBe(
    "<html><head><title>Admin request successful</title></head><body><p>Metadata update successful</p></body></html>",
  );
  dj.send(frames(15, 15));
  await eventually(() =>
    running.edge.announcements.some(({ segment }) => segment.titles[0]?.text === "Foo - Bar"),
  );
});

test.each([
  ["/admin/metadata?mount=/a.mp3&mode=updinfo&song=x", "", "401", "You need to authenticate"],
  [
    "/admin/metadata?mount=/a.mp3&mode=updinfo&song=x",
    basic("source", "bad"),
    "401",
    "You need to authenticate",
  ],
  ["/admin/metadata?mount=/zz.mp3&mode=updinfo&song=x", login, "400", "400 - Source does not exist"],
  ["/admin/metadata?mount=/zz.mp3&mode=updinfo&song=x", basic("a", "b"), "401", "You need to authenticate"],
  ["/admin/metadata?mount=/../x&mode=updinfo&song=x", login, "400", "400 - Source does not exist"],
  ["/admin/metadata?mount=/a.mp3", login, "400", "400 - Missing parameter"],
  ["/admin/metadata?mode=updinfo&song=x", login, "400", "400 - Unknown admin request"],
  [
    "/admin/metadata?mount=/a.mp3&mode=zz",
    login,
    "200",
    "<message>No such action</message><return>0</return>",
  ],
  ["/admin.cgi?mode=updinfo&song=x", "", "400", "400 - missing pass parameter"],
  ["/admin.cgi?mode=updinfo&pass=zz&song=x", "", "401", "You need to authenticate"],
  [`/admin.cgi?mode=updinfo&pass=${sourcePassword}&song=x`, "", "400", "400 - Source does not exist"],
  [`/admin.cgi?mode=x&mount=/a.mp3&pass=${sourcePassword}&song=x`, "", "400", "400 - No such action"],
  ["/admin/!POKE", "", "400", "400 - Unrecognised command"],
])("%s with %j: %s %s", async (target, headers, code, text) => {
  const reply = await get(target, headers);
  expect(reply.slice(0, 12)).toBe(`HTTP/1.0 ${code}`);
  expect(bodyOf(reply)).toContain(text);
});

/** What the edge is asked for; it answers each with 200. */
function atTheEdge(): string[] {
  const asked: string[] = [];
  running.edge.onAir = ["/a.mp3", "/zz.mp3", "/stream"];
  running.edge.onRequest = (request, response) => {
    void bodyOfRequest(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${body.toString()}`.trim());
      response.end("from the edge");
    });
  };
  return asked;
}

test.each([
  ["/admin/metadata?mount=/zz.mp3&mode=updinfo&song=x", login, "a mount that another host has"],
  ["/admin/metadata?mount=/zz.mp3&mode=updinfo&song=x", basic("a", "b"), "whoever asks"],
  [
    `/admin.cgi?mode=updinfo&pass=${sourcePassword}&song=x`,
    "",
    "the SHOUTcast mount, as another host has it",
  ],
  ["/admin.cgi?mode=viewxml", basic("admin", adminPassword), "statistics"],
  ["/admin/listmounts", basic("admin", adminPassword), "another command"],
])("%s with %j is for the edge: %s, %s", async (target, headers) => {
  const asked = atTheEdge();
  expect(bodyOf(await get(target, headers))).toBe("from the edge");
  expect(asked).toEqual([`GET ${target}`]);
});

test("a posted title for a mount that another host has is passed on whole", async () => {
  const asked = atTheEdge();
  const form = "mode=updinfo&mount=/zz.mp3&song=posted";
  const head = `POST /admin/metadata HTTP/1.1\r\n${login}Content-Length: ${form.length}\r\n\r\n`;
  expect(bodyOf(await running.exchange(head + form))).toBe("from the edge");
  expect(asked).toEqual([`POST /admin/metadata ${form}`]);
});

test.each(["Sec-Fetch-Site: cross-site\r\n", "User-Agent: Mozilla/5.0 (X11)\r\nAccept-Language: ko\r\n"])(
  "a title that a browser may have been made to set is for the edge: %j",
  async (marks) => {
    const asked = atTheEdge();
    await get("/admin/metadata?mount=/a.mp3&mode=updinfo&song=forged", login + marks);
    expect(asked).toHaveLength(1);
    expect(running.events).toEqual(["connected /a.mp3 source"]);
  },
);

test("an encoder that calls itself Mozilla sets its title", async () => {
  await get("/admin/metadata?mount=/a.mp3&mode=updinfo&song=x", `${login}User-Agent: Mozilla/4.0\r\n`);
  expect(running.events).toContain("title /a.mp3 x");
});

test("an operator of the station sets titles, a viewer does not", async () => {
  await running.close();
  const users = (["operator", "viewer"] as const).map((role) => ({ name: role, role, hash: md5Of("pw") }));
  running = new RunningIngest();
  await running.open({ edgeSecrets: { ...noSecrets, users } });
  source = running.connect();
  source.send(sourceHead("/a.mp3"));
  await source.until(/200 OK/);
  const url = "/admin/metadata?mount=/a.mp3&mode=updinfo&song=x";
  expect(bodyOf(await get(url, basic("operator", "pw")))).toBe(done);
  expect(bodyOf(await get(url, basic("viewer", "pw")))).toContain("You need to authenticate");
});
