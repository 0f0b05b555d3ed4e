import { setTimeout as sleep } from "node:timers/promises";
import { openSocket } from "../../support/raw-request.ts";
import { waitFor } from "../../support/wait.ts";
import { exchange, type Reply } from "./exchange.ts";
import { command, get, Server, sourceHead } from "./server.ts";
import { sourcePassword } from "./station-xml.ts";

/** Asks one server what only a small station, with files and a fallback, has to answer. */
export async function playSmall(port: number): Promise<ReadonlyMap<string, Reply>> {
  const server = new Server(port);
  try {
    await Promise.all([files(server), slowHeads(server), silentSource(server)]);
    await shoutcast(server);
    await fallback(server);
    await tooMany(server);
    return server.replies;
  } finally {
    server.close();
  }
}

/** Of Debian's webroot; style.css is a link to /etc. */
async function files(server: Server): Promise<void> {
  const part = (range: string) => get("/icecast.png", `Range: ${range}\r\n`);
  await server.askAll({
    "file: style.css": get("/style.css"),
    "file: an image": get("/icecast.png"),
    "file: HTTP/1.1": "GET /key.png HTTP/1.1\r\nHost: x\r\n\r\n",
    "file: an alias": get("/look"),
    "file: a query": get("/style.css?x=1"),
    "file: encoded": get("/style%2ecss"),
    "file: HEAD": get("/style.css", "", "HEAD"),
    "file: from its beginning": part("bytes=0-"),
    "file: from 5000": part("bytes=5000-"),
    "file: the first two bytes": part("bytes=0-1"),
    "file: the last ten bytes": part("bytes=-10"),
    "file: behind its end": part("bytes=99999-"),
    "file: two parts": part("bytes=0-1,3-4"),
    "file: no range": part("bytes=a-b"),
    "file: another unit": part("items=0-1"),
    "file: one that is not there": get("/nothing.png"),
    "file: a step up": get("/../web/style.css"),
    "file: an encoded step up": get("/%2e%2e/web/style.css"),
    "file: two slashes": get("//style.css"),
    "file: a slash behind it": get("/style.css/"),
    "file: the folder itself": get("/"),
    "file: its playlist": get("/style.css.m3u"),
  });
}

/** A head has so many seconds to come. */
async function slowHeads(server: Server): Promise<void> {
  await server.askAll({
    "slow: nothing": "",
    "slow: half a request line": "GET /a.m",
    "slow: half a head": "GET /a.mp3 HTTP/1.0\r\nHost: x\r\n",
  });
}

/** A source that sends nothing is closed after its time. */
async function silentSource(server: Server): Promise<void> {
  const socket = await openSocket(server.port);
  let isClosed = false;
  for (const event of ["end", "close"]) socket.once(event, () => (isClosed = true));
  socket.resume();
  socket.write(sourceHead("/silent.mp3"));
  await waitFor("the silent source to be closed", () => isClosed, 20_000);
  socket.destroy();
  await server.untilGone("/silent.mp3");
}

async function shoutcast(server: Server): Promise<void> {
  const head = `${sourcePassword}\r\nicy-name:SC Radio\r\nicy-genre:Rock\r\nicy-url:http://sc.example/\r\nicy-pub:0\r\nicy-br:128\r\ncontent-type:audio/mpeg\r\n\r\n`;
  const cgi = (query: string) => get(`/admin.cgi?mode=updinfo&pass=${sourcePassword}&${query}`, agent);
  const agent = "User-Agent: (Mozilla Compatible)\r\n";
  await server.stream("/sc.mp3", head, server.port + 1);
  await server.untilOnAir("/sc.mp3");
  await server.askAll({
    "SHOUTcast: listener": get("/sc.mp3"),
    "admin.cgi: no song": cgi("x=1"),
    "admin.cgi: another pass": get("/admin.cgi?mode=updinfo&pass=zz&song=Foo", agent),
  });
  await server.ask("admin.cgi: with a stream", cgi("sid=7&song=First"));
  await server.ask("admin.cgi: with a mount", cgi("mount=/zz.mp3&song=Second"));
  await server.ask("admin.cgi: song", cgi("song=Foo%20-%20Bar"));
  const isListed = async () => (await server.look(command("stats"))).includes("<title>Foo - Bar<");
  await waitFor("its title to be listed", isListed, 10_000);
  // Icecast's statistics follow what it lists.
  const hasNobody = async () =>
    (await server.look(command("stats", "mount=/sc.mp3"))).includes("<listeners>0</listeners>");
  await waitFor("nobody in the statistics of /sc.mp3", hasNobody, 20_000);
  await server.askAll({
    "SHOUTcast: status-json": get("/status-json.xsl"),
    "SHOUTcast: stats": command("stats", "mount=/sc.mp3"),
  });
}

async function fallback(server: Server): Promise<void> {
  await server.stream("/backup.mp3");
  const live = await server.stream("/live.mp3");
  for (const mount of ["/backup.mp3", "/live.mp3"]) await untilHas(server, mount, 0);
  const listener = await server.listen("/live.mp3");
  listener.resume();
  await untilHas(server, "/live.mp3", 1);
  await untilHas(server, "/backup.mp3", 0);
  await server.askAll({
    "fallback: listmounts before": command("listmounts"),
    "too many sources": sourceHead("/over.mp3"),
    "too many sources, PUT": sourceHead("/over.mp3", "", undefined, "PUT", "HTTP/1.1"),
  });
  live.destroy();
  await server.untilGone("/live.mp3");
  // Icecast has moved the listener within a second; what was under way is heard out.
  await sleep(2_000);
  await server.askAll({
    "fallback: listmounts after": command("listmounts"),
    "fallback: listclients of the mount": command("listclients", "mount=/live.mp3"),
    "fallback: a new listener": get("/live.mp3"),
    "moveclients: to a mount that its fallback plays for": command(
      "moveclients",
      "mount=/sc.mp3&destination=/live.mp3",
    ),
  });
  await server.stream("/live.mp3");
  await untilHas(server, "/live.mp3", 1);
  await untilHas(server, "/backup.mp3", 0);
  await server.ask("fallback: listmounts when it is back", command("listmounts"));
}

/** Listeners until one is refused. */
async function tooMany(server: Server): Promise<void> {
  for (let count = 0; count < 80; count++) {
    const reply = await server.listen("/sc.mp3").catch(() => null);
    if (reply === null) break;
    reply.resume();
    await sleep(20);
  }
  server.note("too many clients", await exchange(server.port, get("/sc.mp3")));
}

async function untilHas(server: Server, mount: string, count: number): Promise<void> {
  const has = new RegExp(`mount="${mount}"><fallback>[^<]*</fallback><listeners>${count}<`);
  await waitFor(
    `${count} listeners on ${mount}`,
    async () => has.test(await server.look(command("listmounts"))),
    20_000,
  );
}
