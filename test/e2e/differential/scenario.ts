import { setTimeout as sleep } from "node:timers/promises";
import { basic } from "../../support/icecast-wire.ts";
import { waitFor } from "../../support/wait.ts";
import type { Reply } from "./exchange.ts";
import { admin, command, get, Server, source, sourceHead } from "./server.ts";
import { oddRequests } from "./odd-requests.ts";
import { statsEvents } from "./stats-events.ts";
import { relayPassword, sourcePassword } from "./station-xml.ts";
import { songs, titles } from "./titles.ts";

const stationHeaders =
  "ice-name: My Radio\r\nice-description: Desc here\r\nice-genre: Jazz\r\nice-url: https://example.org/\r\n" +
  "ice-public: 1\r\nice-bitrate: 128\r\nice-audio-info: ice-samplerate=44100;ice-bitrate=128;ice-channels=2\r\n";

/** Asks one server everything, in the same order, with the same sources and listeners around. */
export async function play(port: number): Promise<ReadonlyMap<string, Reply>> {
  const server = new Server(port);
  try {
    await sourceRequests(server);
    await server.stream("/a.mp3", sourceHead("/a.mp3", stationHeaders));
    await server.untilOnAir("/a.mp3");
    await listeners(server);
    const listener = await server.listen("/a.mp3", "User-Agent: VLC/3.0 LibVLC\r\n");
    listener.resume();
    await titles(server);
    await server.stream("/b.mp3");
    await server.untilOnAir("/b.mp3");
    // Whoever has only asked whether a mount is on air is still counted for a while.
    await Promise.all([oddRequests(server), songs(server)]);
    await server.untilListeners("/a.mp3", 1);
    await server.untilListeners("/b.mp3", 0);
    await statistics(server);
    await orders(server);
    await policies(server);
    return server.replies;
  } finally {
    server.close();
  }
}

async function sourceRequests(server: Server): Promise<void> {
  await server.askAll({
    "source: no credentials": sourceHead("/s1.mp3", "", ""),
    "source: wrong password": sourceHead("/s1.mp3", "", basic("source", "bad")),
    "source: wrong user": sourceHead("/s1.mp3", "", basic("other", sourcePassword)),
    "source: mount without a slash": sourceHead("s1.mp3"),
    "source: ok": sourceHead("/s1.mp3"),
    "source: PUT": sourceHead("/s2.mp3", "", source, "PUT", "HTTP/1.1"),
    "source: PUT, Expect": sourceHead("/s3.mp3", "Expect: 100-continue\r\n", source, "PUT", "HTTP/1.1"),
    "source: PUT, chunked": sourceHead(
      "/s9.mp3",
      "Transfer-Encoding: chunked\r\n",
      source,
      "PUT",
      "HTTP/1.1",
    ),
    "source: PUT without a type": `PUT /s4.mp3 HTTP/1.1\r\nHost: x\r\n${source}\r\n`,
    "source: ICE/1.0": sourceHead("/s5.mp3", "", source, "SOURCE", "ICE/1.0"),
    "source: without a type": `SOURCE /s6.mp3 HTTP/1.0\r\n${source}\r\n`,
    "source: text/html": `SOURCE /s7.mp3 HTTP/1.0\r\n${source}Content-Type: text/html\r\n\r\n`,
    "source: lower-case method": sourceHead("/s8.mp3", "", source, "source"),
    "source: lines that end in LF": sourceHead("/s10.mp3").replaceAll("\r\n", "\n"),
    "source: audiocast": `SOURCE ${sourcePassword} /s11.mp3\r\nx-audiocast-name:x\r\n\r\n`,
    "source: the administrator": sourceHead("/s12.mp3", "", admin),
    "source: an administrative path": sourceHead("/admin/x"),
    "source: own login of the mount": sourceHead("/own.mp3", "", basic("dj", "djpw")),
    "source: stream_auth lets in": sourceHead("/url.mp3", "", basic("dj", "dj")),
  });
  await server.askAll({
    "source: the station's login where the mount has its own": sourceHead("/own.mp3"),
    "source: stream_auth refuses": sourceHead("/url.mp3", "", basic("dj", "bad")),
    "POST to a mount": get("/s1.mp3", "Content-Length: 0\r\n", "POST"),
    "HEAD of a mount": get("/s1.mp3", "", "HEAD"),
    OPTIONS: "OPTIONS /a.mp3 HTTP/1.1\r\nHost: x\r\nOrigin: https://x.example\r\n\r\n",
    DELETE: "DELETE /a.mp3 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a line of garbage": "HELLO\r\n\r\n",
  });
  await server.ask("SHOUTcast: wrong password", "bad\r\n", server.port + 1);
  await server.ask("SHOUTcast: password", `${sourcePassword}\r\n`, server.port + 1);
  await server.askAll({
    "admin.cgi: no pass": get("/admin.cgi?mode=updinfo&song=Foo"),
    "admin.cgi: wrong pass": get("/admin.cgi?mode=updinfo&pass=zz&song=Foo"),
    "admin.cgi: unknown mode": get(`/admin.cgi?mode=zz&pass=${sourcePassword}&song=Foo`),
  });
}

async function listeners(server: Server): Promise<void> {
  await server.askAll({
    "mount in use": sourceHead("/a.mp3"),
    "mount in use, PUT": sourceHead("/a.mp3", "", source, "PUT", "HTTP/1.1"),
    listener: get("/a.mp3"),
    "listener with titles": get("/a.mp3", "Icy-MetaData: 1\r\n"),
    "listener: Icy-MetaData 0": get("/a.mp3", "Icy-MetaData: 0\r\n"),
    "listener: Icy-MetaData yes": get("/a.mp3", "icy-metadata:yes\r\n"),
    "listener: HTTP/1.1 and a range": "GET /a.mp3 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n",
    "listener: query": get("/a.mp3?x=1&y=%20z"),
    "listener: encoded": get("/%61.mp%33"),
    "listener: alias": get("/radio"),
    "listener: lines that end in LF": "GET /a.mp3 HTTP/1.0\nUser-Agent: x\n\n",
    "a mount that is not there": get("/zz.mp3"),
    m3u: get("/a.mp3.m3u"),
    "m3u, Host with a port": get("/a.mp3.m3u", "Host: foo.example:9999\r\n"),
    "m3u of a mount that is not there": get("/none.mp3.m3u"),
  });
}

async function statistics(server: Server): Promise<void> {
  const relay = basic("relay", relayPassword);
  await server.askAll({
    "status-json": get("/status-json.xsl"),
    "status-json by an alias": get("/"),
    "status-json of one mount": get("/status-json.xsl?mount=/b.mp3"),
    "status-json of none": get("/status-json.xsl?mount=/zz.mp3"),
    stats: command("stats"),
    "stats of one mount": command("stats", "mount=/b.mp3"),
    "stats of one mount: its source": get("/admin/stats?mount=/a.mp3", source),
    "stats of none": command("stats", "mount=/zz.mp3"),
    "stats.xml": command("stats.xml"),
    "stats: nobody": get("/admin/stats"),
    "stats: wrong password": get("/admin/stats", basic("admin", "wrong")),
    "stats: source": get("/admin/stats", source),
    "stats: relay": get("/admin/stats", relay),
    listmounts: command("listmounts"),
    "listmounts with a mount": command("listmounts", "mount=/a.mp3"),
    streamlist: command("streamlist"),
    "streamlist: relay": get("/admin/streamlist", relay),
    "streamlist.txt": get("/admin/streamlist.txt", relay),
    "streamlist.txt: source": get("/admin/streamlist.txt", source),
    "streamlist.txt by the admin": command("streamlist.txt"),
    "streamlist.txt: nobody": get("/admin/streamlist.txt"),
    "unknown command": command("zzz"),
    "unknown command: nobody": get("/admin/zzz"),
    "command with a slash": command("stats/"),
    vclt: get("/a.mp3.vclt"),
    xspf: get("/a.mp3.xspf"),
    "STATS: nobody": "STATS / HTTP/1.0\r\n\r\n",
  });
  await statsEvents(server, "/a.mp3");
}

/** Of the one listener that is moved about; those who only asked whether a mount is on air may still be listed. */
async function idOn(server: Server, mount: string): Promise<string | undefined> {
  const body = await server.look(command("listclients", `mount=${mount}`));
  return /VLC\/3\.0 LibVLC<\/UserAgent><Connected>\d+<\/Connected><ID>(\d+)</.exec(body)?.[1];
}

async function orders(server: Server): Promise<void> {
  await waitFor(
    "the listener to be listed alone",
    async () => {
      const body = await server.look(command("listclients", "mount=/a.mp3"));
      return body.includes("<Listeners>1<") && body.includes("VLC/3.0");
    },
    15_000,
  );
  await server.askAll({
    listclients: command("listclients", "mount=/a.mp3"),
    "listclients: source": get("/admin/listclients?mount=/a.mp3", source),
    "listclients: no mount": command("listclients"),
    "listclients: no such mount": command("listclients", "mount=/zz.mp3"),
    "moveclients: no destination": command("moveclients", "mount=/a.mp3"),
    "moveclients: no such destination": command("moveclients", "mount=/a.mp3&destination=/zz.mp3"),
    "moveclients: the same": command("moveclients", "mount=/a.mp3&destination=/a.mp3"),
    "moveclients: nobody there": command("moveclients", "mount=/b.mp3&destination=/a.mp3"),
    "moveclients: no such mount": command("moveclients", "mount=/zz.mp3&destination=/a.mp3"),
    "moveclients: no mount": command("moveclients", "destination=/a.mp3"),
    "killsource: no mount": command("killsource"),
    "killsource: no such source": command("killsource", "mount=/zz.mp3"),
  });
  await server.ask("moveclients", command("moveclients", "mount=/a.mp3&destination=/b.mp3"));
  await waitFor(
    "the listener to have moved",
    async () => (await idOn(server, "/b.mp3")) !== undefined,
    15_000,
  );
  await server.untilListeners("/b.mp3", 1);
  await server.askAll({
    "listclients of the other": command("listclients", "mount=/b.mp3"),
    "killclient: no id": command("killclient", "mount=/b.mp3"),
    "killclient: no mount": command("killclient", "id=1"),
    "killclient: no such id": command("killclient", "mount=/b.mp3&id=9999"),
    "killclient: no number": command("killclient", "mount=/b.mp3&id=abc"),
  });
  const id = (await idOn(server, "/b.mp3")) ?? "none";
  await server.ask("killclient", command("killclient", `mount=/b.mp3&id=${id}`));
  await waitFor("the listener to be gone", async () => (await idOn(server, "/b.mp3")) === undefined, 15_000);
  await server.untilListeners("/b.mp3", 0);
  await server.ask("fallbacks", command("fallbacks", "mount=/b.mp3&fallback=/a.mp3"));
  await server.askAll({
    "fallbacks: none named": command("fallbacks", "mount=/b.mp3"),
    "fallbacks: no such mount": command("fallbacks", "mount=/zz.mp3&fallback=/a.mp3"),
    "listmounts with a fallback": command("listmounts"),
    buildm3u: command("buildm3u", "mount=/a.mp3&username=u&password=p"),
    "buildm3u: nobody": get("/admin/buildm3u?mount=/a.mp3&username=u&password=p"),
    "buildm3u: no such mount": command("buildm3u", "mount=/zz.mp3&username=u&password=p"),
    "buildm3u: no user": command("buildm3u", "mount=/a.mp3"),
    "buildm3u: no mount": command("buildm3u", "username=u&password=p"),
    "manageauth of a mount without": command("manageauth", "mount=/a.mp3&action=list"),
    "manageauth of no source": command("manageauth", "mount=/zz.mp3&action=list"),
    "manageauth: no mount": command("manageauth", "action=list"),
    updatemetadata: command("updatemetadata", "mount=/a.mp3"),
  });
  await server.ask("killsource", get("/admin/killsource?mount=/b.mp3", source));
  await server.untilGone("/b.mp3");
}

async function policies(server: Server): Promise<void> {
  const auth = (name: string, query: string) =>
    server.ask(name, command("manageauth", `mount=/auth.mp3&${query}`));
  await server.stream("/hidden.mp3");
  await server.stream("/one.mp3");
  await server.stream("/auth.mp3");
  await server.stream("/url.mp3", sourceHead("/url.mp3", "", basic("dj", "dj")));
  const nobody = await server.stream("/nobody.mp3");
  await server.untilOnAir("/hidden.mp3");
  await server.askAll({
    "hidden: listener": get("/hidden.mp3"),
    "hidden: status-json": get("/status-json.xsl"),
    "hidden: stats": command("stats", "mount=/hidden.mp3"),
    "no-mount: listener": get("/nobody.mp3"),
  });
  nobody.destroy();
  await server.ask(
    "moveclients: to a hidden one",
    command("moveclients", "mount=/one.mp3&destination=/hidden.mp3"),
  );

  const first = await server.listen("/one.mp3");
  await server.ask("max-listeners", get("/one.mp3"));
  first.destroy();

  await auth("manageauth: nobody there", "action=list");
  await auth("manageauth: no password", "action=add&username=u1");
  await auth("manageauth: add", "action=add&username=u1&password=p1");
  await auth("manageauth: add again", "action=add&username=u1&password=p1");
  await auth("manageauth: unknown action", "action=zz");
  await auth("manageauth: delete who is not there", "action=delete&username=zz");
  await server.ask("htpasswd: nobody", get("/auth.mp3"));
  await server.ask("htpasswd: wrong password", get("/auth.mp3", basic("u1", "p2")));
  const listener = await server.listen("/auth.mp3", basic("u1", "p1"));
  await server.ask("htpasswd: the same user twice", get("/auth.mp3", basic("u1", "p1")));
  listener.destroy();
  // Icecast reads its file again when the second has changed.
  await sleep(1_100);
  await auth("manageauth: delete", "action=delete&username=u1");
  await sleep(1_100);
  await auth("manageauth: delete again", "action=delete&username=u1");
  await server.ask("htpasswd: a user who was deleted", get("/auth.mp3", basic("u1", "p1")));

  await server.ask("url: refused", get("/url.mp3", basic("bob", "bad")));
  await server.ask(
    "url: let in for two seconds",
    get(
      "/url.mp3?t=abc&lim=1",
      `User-Agent: UA/1\r\nReferer: http://r/\r\nX-Test: yes\r\n${basic("bob", "ok")}`,
    ),
  );
}
