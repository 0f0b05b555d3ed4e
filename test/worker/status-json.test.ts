import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MountStatus } from "../../shared/mount-status.ts";
import { type MountPath, millis } from "../../shared/units.ts";
import { statusJson } from "../../worker/status-json.ts";

const station = {
  admin: "ops@example.org",
  hostname: "radio.example",
  location: "Testland",
  serverId: "Icecast 2.4.4",
};
const host = "http://radio.example:18457";
const serverStartMs = Date.UTC(2026, 10, 21, 0, 12, 6);

const a: MountStatus = {
  mount: "/a.mp3" as MountPath,
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
  streamStartMs: millis(Date.UTC(2026, 10, 21, 0, 12, 8, 999)),
  title: "Björk - Only Song",
  listeners: 1,
  listenerPeak: 2,
  onAir: true,
  // Known to us and not to Icecast.
  format: "MPEG-1 Layer III, 44100 Hz, joint stereo",
  sampleRate: 44_100,
  bitrateKbps: 128,
};
const b: MountStatus = {
  mount: "/b.mp3" as MountPath,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" },
  streamStartMs: millis(Date.UTC(2026, 10, 21, 0, 12, 34)),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
};

const of = (...mounts: MountStatus[]): string => statusJson({ station, serverStartMs, mounts, host });
const titled = (title: string): string => of({ ...b, title });
const described = (audioInfo: string): string => of({ ...b, source: { ...b.source, audioInfo } });

describe("the bytes of Icecast 2.4.4", () => {
  test("with one source", () => {
    expect(of(a)).toBe(
      `{"icestats":{"admin":"ops@example.org","host":"radio.example","location":"Testland","server_id":"Icecast 2.4.4","server_start":"Sat, 21 Nov 2026 00:12:06 +0000","server_start_iso8601":"2026-11-21T00:12:06+0000","source":{"audio_info":"ice-samplerate=44100;ice-bitrate=128;ice-channels=2","bitrate":128,"genre":"Jazz","ice-bitrate":128,"ice-channels":2,"ice-samplerate":44100,"listener_peak":2,"listeners":1,"listenurl":"http://radio.example:18457/a.mp3","server_description":"Desc here","server_name":"My Radio","server_type":"audio/mpeg","server_url":"https://example.org/","stream_start":"Sat, 21 Nov 2026 00:12:08 +0000","stream_start_iso8601":"2026-11-21T00:12:08+0000","title":"Björk - Only Song","dummy":null}}}`,
    );
  });

  test("of a mount whose listeners log in", () => {
    const authenticatorOf = (mount: MountPath) => (mount === b.mount ? "url" : undefined);
    const json = statusJson({ station, serverStartMs, mounts: [b], host, authenticatorOf });
    expect(json).toContain(`"source":{"authenticator":"url","genre":"various",`);
    expect(described("authenticator=htpasswd")).not.toContain(`"authenticator":`);
  });

  test("with two sources", () => {
    expect(of({ ...a, listeners: 0 }, b)).toBe(
      `{"icestats":{"admin":"ops@example.org","host":"radio.example","location":"Testland","server_id":"Icecast 2.4.4","server_start":"Sat, 21 Nov 2026 00:12:06 +0000","server_start_iso8601":"2026-11-21T00:12:06+0000","source":[{"audio_info":"ice-samplerate=44100;ice-bitrate=128;ice-channels=2","bitrate":128,"genre":"Jazz","ice-bitrate":128,"ice-channels":2,"ice-samplerate":44100,"listener_peak":2,"listeners":0,"listenurl":"http://radio.example:18457/a.mp3","server_description":"Desc here","server_name":"My Radio","server_type":"audio/mpeg","server_url":"https://example.org/","stream_start":"Sat, 21 Nov 2026 00:12:08 +0000","stream_start_iso8601":"2026-11-21T00:12:08+0000","title":"Björk - Only Song","dummy":null},{"genre":"various","listener_peak":0,"listeners":0,"listenurl":"http://radio.example:18457/b.mp3","server_description":"Unspecified description","server_name":"Unspecified name","server_type":"audio/mpeg","stream_start":"Sat, 21 Nov 2026 00:12:34 +0000","stream_start_iso8601":"2026-11-21T00:12:34+0000","dummy":null}]}}`,
    );
  });

  test("with a source that says nothing of itself", () => {
    expect(of(b)).toBe(
      `{"icestats":{"admin":"ops@example.org","host":"radio.example","location":"Testland","server_id":"Icecast 2.4.4","server_start":"Sat, 21 Nov 2026 00:12:06 +0000","server_start_iso8601":"2026-11-21T00:12:06+0000","source":{"genre":"various","listener_peak":0,"listeners":0,"listenurl":"http://radio.example:18457/b.mp3","server_description":"Unspecified description","server_name":"Unspecified name","server_type":"audio/mpeg","stream_start":"Sat, 21 Nov 2026 00:12:34 +0000","stream_start_iso8601":"2026-11-21T00:12:34+0000","dummy":null}}}`,
    );
  });

  test("without a source", () => {
    expect(of()).toBe(
      `{"icestats":{"admin":"ops@example.org","host":"radio.example","location":"Testland","server_id":"Icecast 2.4.4","server_start":"Sat, 21 Nov 2026 00:12:06 +0000","server_start_iso8601":"2026-11-21T00:12:06+0000","dummy":null}}`,
    );
  });
});

/** Each as Icecast 2.4.4 answered it; where that is no JSON, as a string. */
describe("a title", () => {
  test.each([
    ["12", "12"],
    ["0", "0"],
    ["-0", "-0"],
    ["-5", "-5"],
    ["1.50", "1.50"],
    ["-0.5", "-0.5"],
    ["1e5", "1e5"],
    ["1.5e-3", "1.5e-3"],
    ["12345678901234567890123", "12345678901234567890123"],
    ["True", "true"],
    ["FALSE", "false"],
    ["", "null"],
    ["007", `"007"`],
    ["0.5", `"0.5"`],
    ["+5", `"+5"`],
    ["1 2", `"1 2"`],
    ["--5", `"--5"`],
    ["0x10", `"0x10"`],
    ["NaN", `"NaN"`],
    ["Infinity", `"Infinity"`],
    ['a"b\\c/d', `"a\\"b\\\\c/d"`],
    [".5", `".5"`],
    ["5.", `"5."`],
    ["-", `"-"`],
  ])("%j is %s", (title, value) => {
    expect(titled(title)).toContain(`"title":${value},"dummy":null}`);
  });

  test("of any kind leaves JSON that says the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (title, name) => {
        const { source } = JSON.parse(of({ ...b, title, source: { ...b.source, name } })).icestats;
        expect(source.listeners).toBe(0);
        const isTyped = title === "" || /^(true|false|-?\d[\d.e+-]*)$/i.test(title);
        expect([title, isTyped && JSON.parse(title.toLowerCase() || "null")]).toContain(source.title);
      }),
    );
  });
});

describe("audio info", () => {
  test("becomes fields of their own, values percent-decoded", () => {
    expect(described("channels=2;samplerate=44100;bitrate=64;quality=a%20b;bad=%")).toContain(
      `"audio_info":"channels=2;samplerate=44100;bitrate=64;quality=a%20b;bad=%","bad":"%","bitrate":64,"channels":2,"genre":`,
    );
  });

  test("cannot forge what the station says, nor show what it hides", () => {
    const forged =
      "title=x;listeners=9999;listenurl=http://evil/;server_name=x;dummy=1;source_ip=1;public=1;user_agent=x;total_bytes_read=1;stream_start=x;__proto__=1";
    const { source } = JSON.parse(described(forged)).icestats;
    const { source: plain } = JSON.parse(of(b)).icestats;
    expect(source).toEqual({ ...plain, audio_info: forged });
  });

  test("without a key or a value is passed over", () => {
    expect(JSON.parse(described(";;=5; =6;x;a b=7;\u00e9=8;y=")).icestats.source).toEqual({
      ...JSON.parse(of(b)).icestats.source,
      audio_info: ";;=5; =6;x;a b=7;\u00e9=8;y=",
      y: null,
    });
  });
});

test("empty headers count as absent", () => {
  const { ip, protocol, contentType } = b.source;
  const empty = { name: "", description: "", genre: "", url: "", bitrate: "", ip, protocol, contentType };
  expect(of({ ...b, source: empty })).toBe(of(b));
});

test("a mount with other than ASCII in its path has a URL that players can open", () => {
  expect(of({ ...b, mount: "/라디오 1.mp3" as MountPath })).toContain(
    `"listenurl":"${host}/%EB%9D%BC%EB%94%94%EC%98%A4%201.mp3"`,
  );
});
