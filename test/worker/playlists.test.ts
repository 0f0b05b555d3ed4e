import { describe, expect, test } from "vitest";
import type { MountStatus } from "../../shared/mount-status.ts";
import { type MountPath, millis } from "../../shared/units.ts";
import { m3u, pls, vclt, xspf } from "../../worker/playlists.ts";

const url = "http://radio.example:18457/a.mp3";
const status: MountStatus = {
  mount: "/a.mp3" as MountPath,
  source: {
    name: "My Radio",
    description: "Desc here",
    genre: "Jazz",
    url: "https://example.org/",
    bitrate: "128",
    contentType: "audio/mpeg",
    ip: "127.0.0.1",
    protocol: "SOURCE",
  },
  streamStartMs: millis(0),
  title: "Björk - Only Song",
  listeners: 1,
  listenerPeak: 2,
  onAir: true,
};
const bare: MountStatus = {
  mount: status.mount,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
};

test("an .m3u is the URL and a line end", () => {
  expect(m3u(url)).toEqual({ contentType: "audio/x-mpegurl", body: `${url}\r\n` });
});

test("a .pls has one endless entry, on lines that nothing can break", () => {
  expect(pls(url, "My\r\nFile2=http://evil/")).toEqual({
    contentType: "audio/x-scpls",
    body: `[playlist]\r\nNumberOfEntries=1\r\nFile1=${url}\r\nTitle1=My File2=http://evil/\r\nLength1=-1\r\nVersion=2\r\n`,
  });
});

describe("an .xspf", () => {
  test("is as Icecast 2.4.4 sends it", () => {
    expect(xspf(url, status)).toEqual({
      contentType: "application/xspf+xml; charset=UTF-8",
      body: `<?xml version="1.0" encoding="UTF-8"?>
<playlist xmlns="http://xspf.org/ns/0/" version="1">
  <title/>
  <creator/>
  <trackList>
    <track>
      <location>http://radio.example:18457/a.mp3</location>
      <title>Björk - Only Song</title>
      <annotation>Stream Title: My Radio
Stream Description: Desc here
Content Type:audio/mpeg
Bitrate: 128
Current Listeners: 1
Peak Listeners: 2
Stream Genre: Jazz</annotation>
      <info>https://example.org/</info>
    </track>
  </trackList>
</playlist>
`,
    });
  });

  test("leaves out what the source has not said", () => {
    expect(xspf(url, bare).body).toContain(`      <title/>
      <annotation>Stream Title: Unspecified name
Stream Description: Unspecified description
Content Type:audio/mpeg
Current Listeners: 0
Peak Listeners: 0
Stream Genre: various</annotation>
    </track>`);
  });

  test("escapes what XML reads and replaces what it forbids", () => {
    const { body } = xspf("http://x/a&b", { ...bare, title: `<b>"A" & 'B'</b>]]>\0\u000b\ufffe\ud83c\r` });
    expect(body).toContain("<location>http://x/a&amp;b</location>");
    expect(body).toContain(
      `<title>&lt;b&gt;"A" &amp; 'B'&lt;/b&gt;]]&gt;\ufffd\ufffd\ufffd\ufffd&#13;</title>`,
    );
  });
});

describe("a .vclt", () => {
  test("is as Icecast 2.4.4 sends it", () => {
    expect(vclt(url, status)).toEqual({
      contentType: "audio/x-vclt; charset=UTF-8",
      body: `STREAMURL=${url}\nTITLE=Björk - Only Song\nSERVER_NAME=My Radio\nDESCRIPTION=Desc here\nSIGNALINFO=\nGENRE=Jazz\n==\n`,
    });
  });

  test("has no title before the first, and no line that a source made up", () => {
    expect(vclt(url, { ...bare, source: { ...bare.source, name: "X\nSTREAMURL=http://evil/" } }).body).toBe(
      `STREAMURL=${url}\nSERVER_NAME=X STREAMURL=http://evil/\nDESCRIPTION=Unspecified description\nSIGNALINFO=\nGENRE=various\n==\n`,
    );
  });
});
