import { join } from "node:path";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { basic } from "../../support/icecast-wire.ts";
import { openSocket, readHead } from "../../support/raw-request.ts";
import { streamMp3, type Streaming } from "../../support/stream-mp3.ts";
import { waitFor } from "../../support/wait.ts";
import { exchange, type Reply } from "./exchange.ts";
import { adminPassword, relayPassword, sourcePassword } from "./station-xml.ts";

const fixture = join(import.meta.dirname, "..", "..", "fixtures", "cbr128-joint44.mp3");
const admin = basic("admin", adminPassword);
const source = basic("source", sourcePassword);

const sourceHead = (mount: string, more = "", login = source, method = "SOURCE", version = "HTTP/1.0") =>
  `${method} ${mount} ${version}\r\nHost: 127.0.0.1\r\n${login}User-Agent: cap/1\r\nContent-Type: audio/mpeg\r\n${more}\r\n`;
const stationHeaders =
  "ice-name: My Radio\r\nice-description: Desc here\r\nice-genre: Jazz\r\nice-url: https://example.org/\r\n" +
  "ice-public: 1\r\nice-bitrate: 128\r\nice-audio-info: ice-samplerate=44100;ice-bitrate=128;ice-channels=2\r\n";
const get = (target: string, headers = "", method = "GET") =>
  `${method} ${target} HTTP/1.0\r\n${headers}\r\n`;
const post = (target: string, form: string, headers = "") =>
  `POST ${target} HTTP/1.0\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`;

/** Asks one server everything, in the same order, with the same sources and listeners around. */
export async function play(port: number, replies = new Map<string, Reply>()): Promise<Map<string, Reply>> {
  const ask = async (name: string, request: string, at = port): Promise<void> => {
    if (replies.has(name)) throw new Error(`asked twice: ${name}`);
    replies.set(name, await exchange(at, request));
  };
  const open: { destroy(): void }[] = [];
  const stream = async (mount: string, head: string): Promise<Streaming> => {
    const streaming = await streamMp3(port, mount, fixture, { password: sourcePassword, head, loop: true });
    open.push(streaming);
    return streaming;
  };
  const listen = async (target: string, headers = ""): Promise<Socket> => {
    const socket = await openSocket(port);
    open.push(socket);
    socket.write(`GET ${target} HTTP/1.0\r\n${headers}\r\n`);
    const head = await readHead(socket, 15_000);
    if (!head.startsWith("HTTP/1.0 200")) throw new Error(`no stream of ${target}: ${head}`);
    socket.resume();
    return socket;
  };
  /** Of the one listener that is moved about; those who only asked whether a mount is on air may still be listed. */
  const idOn = async (mount: string): Promise<string | undefined> => {
    const { body } = await exchange(port, get(`/admin/listclients?mount=${mount}`, admin));
    return /VLC\/3\.0 LibVLC<\/UserAgent><Connected>\d+<\/Connected><ID>(\d+)</.exec(body)?.[1];
  };
  try {
    await sourceRequests(ask, port);
    await stream("/a.mp3", sourceHead("/a.mp3", stationHeaders));
    await onAir(port, "/a.mp3");
    await listeners(ask, listen);
    await titles(ask);
    await stream("/b.mp3", sourceHead("/b.mp3"));
    await onAir(port, "/b.mp3");
    await waitForListeners(port, "/a.mp3", 1);
    await waitForListeners(port, "/b.mp3", 0);
    await statistics(ask);
    await orders(ask, idOn, port);
    await policies(ask, listen, stream, port);
    return replies;
  } finally {
    for (const each of open) each.destroy();
  }
}

type Ask = (name: string, request: string, at?: number) => Promise<void>;
type Listen = (target: string, headers?: string) => Promise<Socket>;

async function onAir(port: number, mount: string): Promise<void> {
  await waitFor(
    `${mount} to be heard`,
    async () => {
      const { status, headers } = await exchange(port, get(mount));
      return status.includes("200") && headers["content-type"] === "audio/mpeg";
    },
    20_000,
  );
}

async function sourceRequests(ask: Ask, port: number): Promise<void> {
  await ask("source: no credentials", sourceHead("/s1.mp3", "", ""));
  await ask("source: wrong password", sourceHead("/s1.mp3", "", basic("source", "bad")));
  await ask("source: wrong user", sourceHead("/s1.mp3", "", basic("other", sourcePassword)));
  await ask("source: mount without a slash", sourceHead("s1.mp3"));
  await ask("source: ok", sourceHead("/s1.mp3"));
  await ask("source: PUT", sourceHead("/s2.mp3", "", source, "PUT", "HTTP/1.1"));
  await ask(
    "source: PUT, Expect",
    sourceHead("/s3.mp3", "Expect: 100-continue\r\n", source, "PUT", "HTTP/1.1"),
  );
  await ask("source: PUT without a type", `PUT /s4.mp3 HTTP/1.1\r\nHost: x\r\n${source}\r\n`);
  await ask("source: ICE/1.0", sourceHead("/s5.mp3", "", source, "SOURCE", "ICE/1.0"));
  await ask("source: without a type", `SOURCE /s6.mp3 HTTP/1.0\r\n${source}\r\n`);
  await ask("source: text/html", `SOURCE /s7.mp3 HTTP/1.0\r\n${source}Content-Type: text/html\r\n\r\n`);
  await ask("source: lower-case method", sourceHead("/s8.mp3", "", source, "source"));
  await ask("source: own login of the mount", sourceHead("/own.mp3", "", basic("dj", "djpw")));
  await ask("source: the station's login where the mount has its own", sourceHead("/own.mp3"));
  await ask("source: stream_auth lets in", sourceHead("/url.mp3", "", basic("dj", "dj")));
  await ask("source: stream_auth refuses", sourceHead("/url.mp3", "", basic("dj", "bad")));
  await ask("POST to a mount", get("/s1.mp3", "Content-Length: 0\r\n", "POST"));
  await ask("HEAD of a mount", get("/s1.mp3", "", "HEAD"));
  await ask("OPTIONS", "OPTIONS /a.mp3 HTTP/1.1\r\nHost: x\r\nOrigin: https://x.example\r\n\r\n");
  await ask("DELETE", "DELETE /a.mp3 HTTP/1.1\r\nHost: x\r\n\r\n");
  await ask("a line of garbage", "HELLO\r\n\r\n");
  await ask("SHOUTcast: wrong password", "bad\r\n", port + 1);
  await ask("SHOUTcast: password", `${sourcePassword}\r\n`, port + 1);
  await ask("admin.cgi: no pass", get("/admin.cgi?mode=updinfo&song=Foo"));
  await ask("admin.cgi: wrong pass", get("/admin.cgi?mode=updinfo&pass=zz&song=Foo"));
  await ask("admin.cgi: unknown mode", get(`/admin.cgi?mode=zz&pass=${sourcePassword}&song=Foo`));
}

async function listeners(ask: Ask, listen: Listen): Promise<void> {
  await ask("mount in use", sourceHead("/a.mp3"));
  await ask("mount in use, PUT", sourceHead("/a.mp3", "", source, "PUT", "HTTP/1.1"));
  await ask("listener", get("/a.mp3"));
  await ask("listener with titles", get("/a.mp3", "Icy-MetaData: 1\r\n"));
  await ask("listener: Icy-MetaData 0", get("/a.mp3", "Icy-MetaData: 0\r\n"));
  await ask("listener: HTTP/1.1 and a range", "GET /a.mp3 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n");
  await ask("listener: query", get("/a.mp3?x=1&y=%20z"));
  await ask("listener: alias", get("/radio"));
  await ask("a mount that is not there", get("/zz.mp3"));
  await ask("m3u", get("/a.mp3.m3u"));
  await ask("m3u, Host with a port", get("/a.mp3.m3u", "Host: foo.example:9999\r\n"));
  await ask("m3u of a mount that is not there", get("/none.mp3.m3u"));
  await listen("/a.mp3", "User-Agent: VLC/3.0 LibVLC\r\n");
}

async function titles(ask: Ask): Promise<void> {
  const update = (query: string, login = admin, method = "GET") =>
    get(`/admin/metadata?${query}`, login, method);
  await ask(
    "metadata: song, by the source",
    update("mount=%2Fa.mp3&mode=updinfo&song=It%27s%20me%20-%20B", source),
  );
  await ask(
    "metadata: artist, title and url",
    update(
      "mount=/a.mp3&mode=updinfo&artist=Bj%C3%B6rk&title=J%C3%B3ga&url=http%3A%2F%2Fx%2Fc.jpg&charset=UTF-8",
    ),
  );
  await ask("metadata: song again", update("mount=/a.mp3&mode=updinfo&song=Only%20Song"));
  await ask("metadata: artist and title again", update("mount=/a.mp3&mode=updinfo&artist=Last&title=Song"));
  await ask("metadata: unknown mode", update("mount=/a.mp3&mode=zz"));
  await ask("metadata: no mode", update("mount=/a.mp3"));
  await ask("metadata: no mount", update("mode=updinfo&song=x"));
  await ask("metadata: no such source", update("mount=/zz.mp3&mode=updinfo&song=x"));
  await ask("metadata: nobody", update("mount=/a.mp3&mode=updinfo&song=x", ""));
  await ask("metadata: wrong password", update("mount=/a.mp3&mode=updinfo&song=x", basic("source", "bad")));
  await ask(
    "metadata: source of another mount",
    update("mount=/a.mp3&mode=updinfo&song=x", basic("dj", "djpw")),
  );
  await ask(
    "metadata: POST",
    post("/admin/metadata", "mount=/a.mp3&mode=updinfo&artist=Last&title=Song", admin),
  );
}

async function statistics(ask: Ask): Promise<void> {
  await ask("status-json", get("/status-json.xsl"));
  await ask("status-json by an alias", get("/"));
  await ask("status-json of one mount", get("/status-json.xsl?mount=/b.mp3"));
  await ask("status-json of none", get("/status-json.xsl?mount=/zz.mp3"));
  await ask("stats", get("/admin/stats", admin));
  await ask("stats of one mount", get("/admin/stats?mount=/b.mp3", admin));
  await ask("stats of none", get("/admin/stats?mount=/zz.mp3", admin));
  await ask("stats.xml", get("/admin/stats.xml", admin));
  await ask("stats: nobody", get("/admin/stats"));
  await ask("stats: source", get("/admin/stats", source));
  await ask("stats: relay", get("/admin/stats", basic("relay", relayPassword)));
  await ask("listmounts", get("/admin/listmounts", admin));
  await ask("streamlist", get("/admin/streamlist", admin));
  await ask("streamlist.txt", get("/admin/streamlist.txt", basic("relay", relayPassword)));
  await ask("streamlist.txt by the admin", get("/admin/streamlist.txt", admin));
  await ask("streamlist.txt: nobody", get("/admin/streamlist.txt"));
  await ask("unknown command", get("/admin/zzz", admin));
  await ask("unknown command: nobody", get("/admin/zzz"));
  await ask("vclt", get("/a.mp3.vclt"));
  await ask("xspf", get("/a.mp3.xspf"));
  await ask("STATS: nobody", "STATS / HTTP/1.0\r\n\r\n");
}

async function orders(
  ask: Ask,
  idOn: (mount: string) => Promise<string | undefined>,
  port: number,
): Promise<void> {
  const command = (name: string, query: string) => get(`/admin/${name}?${query}`, admin);
  await waitFor(
    "the listener to be listed alone",
    async () => {
      const { body } = await exchange(port, command("listclients", "mount=/a.mp3"));
      return body.includes("<Listeners>1<") && body.includes("VLC/3.0");
    },
    15_000,
  );
  await ask("listclients", command("listclients", "mount=/a.mp3"));
  await ask("listclients: no mount", get("/admin/listclients", admin));
  await ask("listclients: no such mount", command("listclients", "mount=/zz.mp3"));
  await ask("moveclients: no destination", command("moveclients", "mount=/a.mp3"));
  await ask("moveclients: no such destination", command("moveclients", "mount=/a.mp3&destination=/zz.mp3"));
  await ask("moveclients: the same", command("moveclients", "mount=/a.mp3&destination=/a.mp3"));
  await ask("moveclients", command("moveclients", "mount=/a.mp3&destination=/b.mp3"));
  await waitFor("the listener to have moved", async () => (await idOn("/b.mp3")) !== undefined, 15_000);
  await waitForListeners(port, "/b.mp3", 1);
  await ask("listclients of the other", command("listclients", "mount=/b.mp3"));
  await ask("killclient: no id", command("killclient", "mount=/b.mp3"));
  await ask("killclient: no such id", command("killclient", "mount=/b.mp3&id=9999"));
  await ask("killclient: no number", command("killclient", "mount=/b.mp3&id=abc"));
  await ask("killclient", command("killclient", `mount=/b.mp3&id=${(await idOn("/b.mp3")) ?? "none"}`));
  await waitFor("the listener to be gone", async () => (await idOn("/b.mp3")) === undefined, 15_000);
  await ask("fallbacks", command("fallbacks", "mount=/b.mp3&fallback=/a.mp3"));
  await ask("fallbacks: none named", command("fallbacks", "mount=/b.mp3"));
  await ask("listmounts with a fallback", get("/admin/listmounts", admin));
  await ask("buildm3u", get("/admin/buildm3u?mount=/a.mp3&username=u&password=p", admin));
  await ask("buildm3u: nobody", get("/admin/buildm3u?mount=/a.mp3&username=u&password=p"));
  await ask("buildm3u: no user", get("/admin/buildm3u?mount=/a.mp3", admin));
  await ask("manageauth of a mount without", command("manageauth", "mount=/a.mp3&action=list"));
  await ask("updatemetadata", command("updatemetadata", "mount=/a.mp3"));
  await ask("killsource", command("killsource", "mount=/b.mp3"));
  await waitFor(
    "the source to be gone",
    async () => !(await exchange(port, get("/admin/listmounts", admin))).body.includes("/b.mp3"),
    15_000,
  );
}

async function policies(
  ask: Ask,
  listen: Listen,
  stream: (mount: string, head: string) => Promise<Streaming>,
  port: number,
): Promise<void> {
  const command = (name: string, query: string) => get(`/admin/${name}?${query}`, admin);
  const auth = (name: string, query: string) => ask(name, command("manageauth", `mount=/auth.mp3&${query}`));
  await stream("/hidden.mp3", sourceHead("/hidden.mp3"));
  await onAir(port, "/hidden.mp3");
  await ask("hidden: listener", get("/hidden.mp3"));
  await ask("hidden: status-json", get("/status-json.xsl"));
  await ask("hidden: stats", get("/admin/stats?mount=/hidden.mp3", admin));

  const nobody = await stream("/nobody.mp3", sourceHead("/nobody.mp3"));
  await ask("no-mount: listener", get("/nobody.mp3"));
  nobody.destroy();

  await stream("/one.mp3", sourceHead("/one.mp3"));
  await onAir(port, "/one.mp3");
  await waitForListeners(port, "/one.mp3", 0);
  const first = await listen("/one.mp3");
  await ask("max-listeners", get("/one.mp3"));
  first.destroy();

  await stream("/auth.mp3", sourceHead("/auth.mp3"));
  await auth("manageauth: nobody there", "action=list");
  await auth("manageauth: add", "action=add&username=u1&password=p1");
  await auth("manageauth: add again", "action=add&username=u1&password=p1");
  await auth("manageauth: unknown action", "action=zz");
  await ask("htpasswd: nobody", get("/auth.mp3"));
  await ask("htpasswd: wrong password", get("/auth.mp3", basic("u1", "p2")));
  const listener = await listen("/auth.mp3", basic("u1", "p1"));
  await ask("htpasswd: the same user twice", get("/auth.mp3", basic("u1", "p1")));
  listener.destroy();
  // Icecast reads its file again when the second has changed.
  await sleep(2_000);
  await auth("manageauth: delete", "action=delete&username=u1");
  await sleep(2_000);
  await auth("manageauth: delete again", "action=delete&username=u1");
  await ask("htpasswd: a user who was deleted", get("/auth.mp3", basic("u1", "p1")));

  await stream("/url.mp3", sourceHead("/url.mp3", "", basic("dj", "dj")));
  await ask("url: refused", get("/url.mp3", basic("bob", "bad")));
  await ask(
    "url: let in for two seconds",
    get(
      "/url.mp3?t=abc&lim=1",
      `User-Agent: UA/1\r\nReferer: http://r/\r\nX-Test: yes\r\n${basic("bob", "ok")}`,
    ),
  );
}

/** Those who asked whether it is on air may still be counted. */
async function waitForListeners(port: number, mount: string, count: number): Promise<void> {
  await waitFor(
    `${count} listeners on ${mount}`,
    async () => {
      const clients = await exchange(port, get(`/admin/listclients?mount=${mount}`, admin));
      const mounts = await exchange(port, get("/admin/listmounts", admin));
      const counted = new RegExp(`mount="${mount}"><fallback>[^<]*</fallback><listeners>${count}<`);
      // Icecast counts in three places, one after the other.
      const { body } = await exchange(port, get(`/admin/stats?mount=${mount}`, admin));
      const listed = clients.body.includes(`<Listeners>${count}<`) && counted.test(mounts.body);
      return listed && body.slice(body.indexOf("<source mount")).includes(`<listeners>${count}<`);
    },
    20_000,
  );
}
