import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { edgeStationSchema } from "../../../shared/edge-station.ts";
import type { MountStatus } from "../../../shared/mount-status.ts";
import { millis } from "../../../shared/units.ts";
import { answerXml } from "../../../worker/admin/answers.ts";
import { type StatisticsInput, statisticsOf } from "../../../worker/admin/statistics-fields.ts";
import { mount } from "./fake-station.ts";

const startMs = Date.UTC(2026, 10, 21, 0, 12, 6);

const status = (path: string, more: Partial<MountStatus> = {}): MountStatus => ({
  mount: mount(path),
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE", userAgent: "cap/1" },
  streamStartMs: millis(startMs + 2_000),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
  ...more,
});

const first = status("/a.mp3", {
  source: {
    name: "My Radio",
    description: "Desc here",
    genre: "Jazz",
    url: "https://example.org/",
    public: true,
    bitrate: "128",
    audioInfo: "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
    contentType: "audio/mpeg",
    userAgent: "cap/1",
    ip: "127.0.0.1",
    protocol: "SOURCE",
  },
  title: "Björk - Only Song",
  listenerPeak: 2,
  bitrateKbps: 128,
});

const input = (more: Partial<StatisticsInput> = {}): StatisticsInput => ({
  station: edgeStationSchema.parse({
    hostname: "radio.example",
    location: "Testland",
    admin: "ops@example.org",
  }),
  serverStartMs: startMs,
  now: startMs + 12_000,
  mounts: [first, status("/b.mp3", { streamStartMs: millis(startMs + 12_000) })],
  counters: { listenerConnections: 6, sourceConnections: 9, bytesSent: 0, slowListeners: 0 },
  audiences: new Map([
    [mount("/a.mp3"), { sessions: 6, uniqueToday: 4, byCountry: {}, bytesSent: 305_761, slowListeners: 1 }],
  ]),
  authenticatorOf: () => undefined,
  origin: "http://radio.example:18457",
  ...more,
});

const xmlOf = (given: StatisticsInput) => answerXml({ kind: "statistics", statistics: statisticsOf(given) });
const fieldsOf = (given: StatisticsInput, path: string) =>
  Object.fromEntries(statisticsOf(given).sources.get(mount(path)) ?? []);

describe("the statistics", () => {
  it("are Icecast's XML, byte for byte", () => {
    // As Icecast 2.4.4 on the wire; what it counts and the edge cannot is left out of the comparison below.
    const icecast =
      '<?xml version="1.0"?>\n<icestats><admin>ops@example.org</admin><client_connections>26</client_connections><clients>2</clients><connections>50</connections><file_connections>1</file_connections><host>radio.example</host><listener_connections>6</listener_connections><listeners>0</listeners><location>Testland</location><server_id>Icecast 2.4.4</server_id><server_start>Sat, 21 Nov 2026 00:12:06 +0000</server_start><server_start_iso8601>2026-11-21T00:12:06+0000</server_start_iso8601><source_client_connections>9</source_client_connections><source_relay_connections>0</source_relay_connections><source_total_connections>9</source_total_connections><sources>2</sources><stats>0</stats><stats_connections>0</stats_connections><source mount="/a.mp3"><audio_info>ice-samplerate=44100;ice-bitrate=128;ice-channels=2</audio_info><bitrate>128</bitrate><genre>Jazz</genre><ice-bitrate>128</ice-bitrate><ice-channels>2</ice-channels><ice-samplerate>44100</ice-samplerate><listener_peak>2</listener_peak><listeners>0</listeners><listenurl>http://radio.example:18457/a.mp3</listenurl><max_listeners>unlimited</max_listeners><public>1</public><server_description>Desc here</server_description><server_name>My Radio</server_name><server_type>audio/mpeg</server_type><server_url>https://example.org/</server_url><slow_listeners>1</slow_listeners><source_ip>127.0.0.1</source_ip><stream_start>Sat, 21 Nov 2026 00:12:08 +0000</stream_start><stream_start_iso8601>2026-11-21T00:12:08+0000</stream_start_iso8601><title>Bj&#xF6;rk - Only Song</title><total_bytes_read>160000</total_bytes_read><total_bytes_sent>305761</total_bytes_sent><user_agent>cap/1</user_agent></source><source mount="/b.mp3"><genre>various</genre><listener_peak>0</listener_peak><listeners>0</listeners><listenurl>http://radio.example:18457/b.mp3</listenurl><max_listeners>unlimited</max_listeners><public>0</public><server_description>Unspecified description</server_description><server_name>Unspecified name</server_name><server_type>audio/mpeg</server_type><slow_listeners>0</slow_listeners><source_ip>127.0.0.1</source_ip><stream_start>Sat, 21 Nov 2026 00:12:18 +0000</stream_start><stream_start_iso8601>2026-11-21T00:12:18+0000</stream_start_iso8601><total_bytes_read>0</total_bytes_read><total_bytes_sent>0</total_bytes_sent><user_agent>cap/1</user_agent></source></icestats>\n';
    const uncounted = /(<(client_connections|connections|file_connections)>)\d+/g;
    expect(xmlOf(input()).replace(uncounted, "$1")).toBe(icecast.replace(uncounted, "$1"));
  });

  it("tell limits, logins and what the station says of a mount", () => {
    const station = edgeStationSchema.parse({
      maxListeners: 40,
      mounts: { "/*.mp3": { stream: { genre: "All" } }, "/b.mp3": { maxListeners: 3, public: true } },
    });
    const given = input({ station, authenticatorOf: (path) => (path === "/b.mp3" ? "htpasswd" : undefined) });
    expect(fieldsOf(given, "/a.mp3")).toMatchObject({ max_listeners: "40", genre: "All", public: "1" });
    expect(fieldsOf(given, "/b.mp3")).toMatchObject({
      max_listeners: "3",
      public: "1",
      authenticator: "htpasswd",
    });
  });

  it("list a mount without a source while its fallback has one, with those who asked for it", () => {
    const station = edgeStationSchema.parse({
      mounts: {
        "/live.mp3": { fallback: { kind: "mount", mount: "/b.mp3" } },
        "/dead.mp3": { fallback: { kind: "mount", mount: "/none.mp3" } },
        "/[ab].mp3": { fallback: { kind: "mount", mount: "/b.mp3" } },
      },
    });
    const counted = {
      sessions: 3,
      uniqueToday: 2,
      byCountry: { KR: 1, "": 1 },
      bytesSent: 0,
      slowListeners: 0,
    };
    const { sources } = statisticsOf(input({ station, audiences: new Map([[mount("/live.mp3"), counted]]) }));
    expect([...sources.keys()]).toEqual(["/a.mp3", "/b.mp3", "/live.mp3"]);
    expect(Object.fromEntries(sources.get(mount("/live.mp3")) ?? [])).toEqual({
      listeners: "2",
      listenurl: "http://radio.example:18457/live.mp3",
      max_listeners: "unlimited",
    });
  });

  it("let no source forge a field with its audio info", () => {
    const audioInfo =
      "listeners=999;title=x;total_bytes_sent=1;__proto__=y;source_ip=z;<b>=1;ice-quality=5%2F10;authenticator=q";
    const given = input({ mounts: [{ ...first, source: { ...first.source, audioInfo } }] });
    const fields = fieldsOf(given, "/a.mp3");
    expect(fields).toMatchObject({
      listeners: "0",
      title: "Björk - Only Song",
      source_ip: "127.0.0.1",
      "ice-quality": "5/10",
    });
    expect(Object.keys(fields)).not.toContain("authenticator");
    expect(Object.keys(fields)).not.toContain("<b>");
  });

  it("are well-formed XML of ASCII whatever sources say", () => {
    const text = fc.string({ unit: "binary" });
    const hostile = fc.record({ name: text, title: text, audioInfo: text, userAgent: text, path: text });
    fc.assert(
      fc.property(hostile, ({ name, title, audioInfo, userAgent, path }) => {
        const source = { ...first.source, name, audioInfo, userAgent };
        const xml = xmlOf(input({ mounts: [{ ...first, mount: mount(`/${path}`), source, title }] }));
        // oxlint-disable-next-line no-control-regex -- XML has none of these
        expect(xml).not.toMatch(/[^\n\t\x20-\x7e]/);
        expect(xml).not.toMatch(/&(?!(?:amp|lt|gt|quot|#\d+|#x[0-9A-F]+);)/);
        const open: string[] = [];
        for (const [, close, tag, self] of xml.matchAll(/<(\/?)([\w-]+)(?: [\w-]+="[^"<>]*")*(\/?)>/g)) {
          if (close) expect(open.pop()).toBe(tag);
          else if (!self) open.push(tag ?? "");
        }
        expect(open).toEqual([]);
      }),
    );
  });
});
