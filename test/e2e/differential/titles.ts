import { setTimeout as sleep } from "node:timers/promises";
import { basic } from "../../support/icecast-wire.ts";
import { waitFor } from "../../support/wait.ts";
import { admin, command, get, post, type Server, source, sourceHead } from "./server.ts";
import { relayPassword } from "./station-xml.ts";

const update = (query: string, login = admin) => get(`/admin/metadata?${query}`, login);
const ofLive = (query: string, login = admin) => update(`mount=/a.mp3&mode=updinfo&${query}`, login);

/** Which titles are taken, and from whom. */
export async function titles(server: Server): Promise<void> {
  await server.ask(
    "metadata: song, by the source",
    update("mount=%2Fa.mp3&mode=updinfo&song=It%27s%20me%20-%20B", source),
  );
  await server.ask(
    "metadata: artist, title and url",
    ofLive("artist=Bj%C3%B6rk&title=J%C3%B3ga&url=http%3A%2F%2Fx%2Fc.jpg&charset=UTF-8"),
  );
  await server.ask("metadata: song again", ofLive("song=Only%20Song"));
  await server.askAll({
    "metadata: unknown mode": update("mount=/a.mp3&mode=zz"),
    "metadata: no mode": update("mount=/a.mp3"),
    "metadata: no mount": update("mode=updinfo&song=x"),
    "metadata: no such source": update("mount=/zz.mp3&mode=updinfo&song=x"),
    "metadata: nobody": ofLive("song=x", ""),
    "metadata: relay": ofLive("song=x", basic("relay", relayPassword)),
    "metadata: wrong password": ofLive("song=x", basic("source", "bad")),
    "metadata: source of another mount": ofLive("song=x", basic("dj", "djpw")),
  });
  await server.ask("metadata: of nothing", ofLive("x=y"));
  await server.ask("metadata: empty", ofLive("song="));
  await server.ask("metadata: an unknown charset", ofLive("song=x&charset=nothing"));
  await server.ask("metadata: a mount twice", update("mount=/a.mp3&mount=/zz.mp3&mode=updinfo&song=x"));
  await server.ask("metadata: a title twice", ofLive("song=One&song=Two"));
  await server.ask("metadata: 3,000 characters", ofLive(`song=${"x".repeat(3_000)}`));
  const last = "artist=Last&title=Song";
  await server.ask("metadata: POST", post("/admin/metadata", `mount=/a.mp3&mode=updinfo&${last}`, admin));
  await server.ask("metadata: artist and title again", ofLive(last));
}

/** As they stand in a request; N is a number by which the title is known again. */
const songsSent: Readonly<Record<string, string>> = {
  plain: "song=N%20Artist%20-%20Song",
  "a plus": "song=N+1%2B1",
  "an apostrophe": "song=N%20It%27s",
  "an apostrophe before a semicolon": "song=N%20a%27%3Bb",
  "markup and quotes": "song=N%20%3Cb%3E%20%26%20%22q%22",
  "a percent sign": "song=N%20100%25",
  "a line break": "song=N%20a%0D%0Ab",
  "UTF-8, undeclared": "song=N%20%EC%95%88%EB%85%95",
  "UTF-8, declared": "charset=UTF-8&song=N%20caf%C3%A9",
  "Korean, declared": "charset=UTF-8&song=N%20%EC%95%88%EB%85%95",
  "Latin-1, undeclared": "song=N%20caf%E9",
  "Latin-1, declared": "charset=ISO-8859-1&song=N%20caf%E9",
  "artist and title": "artist=A&title=N%20T",
  "a song after an artist": "song=N%20S",
};

/** How titles reach listeners and statistics: the mount has an interval of a quarter of a second. */
export async function songs(server: Server): Promise<void> {
  const mount = "/own.mp3";
  const streaming = await server.stream(mount, sourceHead(mount, "", basic("dj", "djpw")));
  await server.untilOnAir(mount);
  await listedAs(server, "UTF-8, undeclared", mount, "song=%EC%95%88%EB%85%95");
  await listedAs(server, "UTF-8, declared", mount, "charset=UTF-8&song=caf%C3%A9%20%EC%95%88");
  await listedAs(server, "markup", mount, "song=%3Cb%3E%20%26%20%22q%22%20%5C%20%2F");
  const listener = await server.listen(mount, "Icy-MetaData: 1\r\n");
  let received = Buffer.alloc(0);
  listener.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  listener.resume();

  for (const [index, query] of Object.values(songsSent).entries()) {
    const numbered = query.replace("=N", `=${index}`);
    await server.look(update(`mount=${mount}&mode=updinfo&${numbered}`, basic("dj", "djpw")));
    await sleep(450);
  }
  const last = Object.keys(songsSent).length - 1;
  const heard = (index: number) => {
    // Icecast keeps the artist of one request for the next.
    const numbered = new RegExp(`^StreamTitle='(?:.* - )?${index}\\b`);
    return blocksOf(received).filter((block) => numbered.test(block));
  };
  await waitFor("the last title", () => heard(last).length > 0, 20_000);
  for (const [index, name] of Object.keys(songsSent).entries()) {
    server.note(`title: ${name}`, { status: "", headers: {}, body: heard(index).join("\n"), ends: false });
  }
  listener.destroy();
  streaming.destroy();
  await server.untilGone(mount, "stats");
}

/** Notes a title as both kinds of statistics have it. */
async function listedAs(server: Server, name: string, mount: string, query: string): Promise<void> {
  const status = get(`/status-json.xsl?mount=${mount}`);
  const json = async () => /"title":("(?:\\.|[^"])*")/.exec(await server.look(status))?.[1] ?? "none";
  const before = await json();
  await server.look(update(`mount=${mount}&mode=updinfo&${query}`));
  const after = await waitFor("another title", async () => {
    const now = await json();
    return now !== before && now;
  });
  const xml = /<title>(.*?)<\/title>/.exec(await server.look(command("stats", `mount=${mount}`)))?.[1];
  const body = `${after} ${xml}`;
  server.note(`listed title: ${name}`, { status: "", headers: {}, body, ends: false });
}

/** The texts of all metadata blocks, a character a byte. */
function blocksOf(audio: Buffer): string[] {
  const interval = 4096;
  const blocks: string[] = [];
  for (let at = interval; at < audio.length; ) {
    const length = (audio[at] ?? 0) * 16;
    if (length > 0) blocks.push(audio.toString("latin1", at + 1, at + 1 + length).split("\0")[0] ?? "");
    at += 1 + length + interval;
  }
  return blocks;
}
