import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { millis } from "../../../shared/units.ts";
import { status2 } from "../../../worker/admin/public-pages.ts";
import { answerAdminCgi, streamOf } from "../../../worker/admin/shoutcast-admin.ts";
import {
  sevenHtml,
  type ShoutcastStream,
  statisticsJson,
  statisticsXml,
  statsJson,
  statsXml,
} from "../../../worker/admin/shoutcast-stats.ts";
import { adminLogin, FakeStation, mount, now, sourceLogin } from "./fake-station.ts";

const stream = (id: number, path: string, title = "A - B, C & <D>"): ShoutcastStream => {
  const source = {
    name: "Radio, & <more>",
    genre: "Jazz",
    contentType: "audio/mpeg",
    bitrate: "128",
    ip: "192.0.2.1",
    protocol: path === "/sc.mp3" ? "SHOUTcast" : "SOURCE",
  };
  return {
    id,
    status: {
      mount: mount(path),
      source,
      title,
      listeners: 5,
      listenerPeak: 9,
      onAir: true,
      streamStartMs: millis(now - 61_000),
      sampleRate: 44_100,
    },
    source,
    audience: { sessions: 40, uniqueToday: 4, byCountry: {}, bytesSent: 0, slowListeners: 0 },
    maxListeners: 32,
    now,
  };
};
const streams = [stream(1, "/a.mp3"), stream(2, "/sc.mp3")];

describe("SHOUTcast's statistics", () => {
  it("are in 7.html as its parsers cut them: six numbers, and the title with whatever commas it has", () => {
    expect(sevenHtml(stream(1, "/a.mp3"))).toBe(
      '<HTML><meta http-equiv="Pragma" content="no-cache"></head><body>5,1,9,32,4,128,A - B, C &amp; &lt;D&gt;</body></html>',
    );
    expect(sevenHtml(undefined)).toContain("<body>0,0,0,0,0,0,</body>");
  });

  it("are JSON and XML of the same fields", () => {
    const json = JSON.parse(statsJson(stream(1, "/a.mp3")));
    expect(json).toMatchObject({
      currentlisteners: 5,
      peaklisteners: 9,
      maxlisteners: 32,
      uniquelisteners: 4,
      servertitle: "Radio, & <more>",
      songtitle: "A - B, C & <D>",
      streamhits: 40,
      streamstatus: 1,
      streampath: "/a.mp3",
      streamuptime: 61,
      bitrate: "128",
      samplerate: "44100",
      content: "audio/mpeg",
    });
    const xml = statsXml(stream(1, "/a.mp3"));
    expect(Object.keys(json).filter((name) => !xml.includes(`<${name.toUpperCase()}`))).toEqual([]);
    expect(xml).toContain("<SONGTITLE>A - B, C &amp; &lt;D&gt;</SONGTITLE>");
    expect(JSON.parse(statsJson(undefined))).toMatchObject({ streamstatus: 0, currentlisteners: 0 });
  });

  it("sum up the station's streams", () => {
    expect(JSON.parse(statisticsJson(streams))).toMatchObject({
      totalstreams: 2,
      currentlisteners: 10,
      streams: [{ id: 1 }, { id: 2, streampath: "/sc.mp3" }],
    });
    expect(statisticsXml(streams)).toMatch(/<STREAMSTATS><TOTALSTREAMS>2<.*<STREAM id="1">.*<STREAM id="2">/);
  });

  it("are of the stream that is named, else the first", () => {
    const of = (fields: Record<string, string>) => streamOf((name) => fields[name], streams)?.id;
    expect([
      of({}),
      of({ sid: "2" }),
      of({ sid: "9" }),
      of({ mount: "/sc.mp3", sid: "1" }),
      of({ sid: "x" }),
    ]).toEqual([1, 2, undefined, 2, undefined]);
  });
});

describe("/status2.xsl", () => {
  it("has seven cells in every line, whatever a source says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (title) => {
        const reply = await status2([stream(1, "/a.mp3", title)], { global: new Map() }).text();
        const lines = reply.split("\n").slice(1, -2);
        expect(lines.map((line) => line.split(",").length)).toEqual([7, 7, 7]);
      }),
    );
  });
});

describe("admin.cgi", () => {
  async function ask(query: string, authorization?: string) {
    const station = new FakeStation();
    const request = new Request(`http://radio.example/admin.cgi?${query}`, {
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });
    const reply = await answerAdminCgi(request, station, { streams, adminName: "admin" });
    return { status: reply.status, body: await reply.text(), station };
  }

  it.each([
    ["", 400, "missing pass parameter"],
    ["mode=viewxml", 400, "missing pass parameter"],
    ["pass=adminpw", 400, "Missing parameter"],
    ["mode=zz&pass=adminpw", 400, "No such action"],
    ["mode=viewxml&pass=wrong", 401, "You need to authenticate"],
    ["mode=updinfo&pass=wrong&song=x", 401, "You need to authenticate"],
  ])("?%s is refused with %d", async (query, status, message) => {
    const reply = await ask(query);
    expect(reply.status).toBe(status);
    expect(reply.body).toContain(message);
  });

  it("shows a stream and who listens, by pages", async () => {
    const whole = (await ask("mode=viewxml&pass=adminpw")).body;
    expect(whole).toContain("<SERVERTITLE>Radio, &amp; &lt;more&gt;</SERVERTITLE>");
    const listener =
      "<LISTENERS><LISTENER><HOSTNAME>127.0.0.1</HOSTNAME><USERAGENT>VLC/3.0 LibVLC</USERAGENT><UNDERRUNS>0</UNDERRUNS><CONNECTTIME>1</CONNECTTIME><POINTER>0</POINTER><UID>53</UID></LISTENER></LISTENERS>";
    expect(whole).toContain(listener);
    expect((await ask("mode=viewxml&page=1&pass=view:viewpw")).body).not.toContain("<LISTENERS>");
    expect((await ask("mode=viewxml&page=3", adminLogin)).body).toBe(
      `<?xml version="1.0" encoding="UTF-8" standalone="yes" ?><SHOUTCASTSERVER>${listener}</SHOUTCASTSERVER>`,
    );
    expect(JSON.parse((await ask("mode=viewjson&sid=2&pass=adminpw")).body)).toMatchObject({
      streampath: "/sc.mp3",
      listeners: [{ uid: 53 }],
    });
  });

  it("sets the title of the mount that is named, else of the only SHOUTcast source", async () => {
    const named = await ask("mode=updinfo&mount=/a.mp3&song=One&pass=adminpw");
    expect(named.body).toContain("<p>Metadata update successful</p>");
    expect(named.station.calls).toEqual(["title /a.mp3 One"]);
    expect(named.station.audited).toEqual(['admin metadata {"mount":"/a.mp3","title":"One"}']);
    expect((await ask("mode=updinfo&song=Two&pass=adminpw")).station.calls).toEqual(["title /sc.mp3 Two"]);
    expect((await ask("mode=updinfo&mount=/a.mp3&song=Three&pass=hackme")).station.calls).toEqual([
      "title /a.mp3 Three",
    ]);
    expect((await ask("mode=updinfo&mount=/a.mp3&song=Four", sourceLogin)).station.calls).toEqual([
      "title /a.mp3 Four",
    ]);
  });
});
