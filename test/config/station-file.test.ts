import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { stationSchema } from "../../config/station.ts";
import { writeToml } from "../../config/toml-writer.ts";
import { parseStation } from "../../config/station-file.ts";

const example = readFileSync(join(import.meta.dirname, "../../examples/station.toml"), "utf8");

const parse = (text: string, env: Readonly<Record<string, string>> = {}) =>
  parseStation(text, {
    file: "station.toml",
    fileProblem: (path) => (path.startsWith("no ") ? "no such file" : undefined),
    env,
  });

function problemsOf(text: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the station file", () => {
  it("may be empty: every setting has a default", () => {
    expect(parse("")).toEqual(stationSchema.parse({}));
    expect(parse("").limits).toMatchObject({ segment_seconds: 2, grace_seconds: 15 });
  });

  it("keeps what it says and fills in the rest", () => {
    const station = parse(
      '\uFEFF[station]\nname = "라디오"\n[limits]\nsegment_seconds = 0.5\n[mounts."/a b.mp3"]\nusername = "dj"\n',
    );
    expect(station.station.name).toBe("라디오");
    expect(station.limits).toMatchObject({ segment_seconds: 0.5, burst_seconds: 4 });
    expect(station.mounts).toEqual({ "/a b.mp3": { username: "dj" } });
  });

  it("takes the encodings that titles can be written in, and no others", () => {
    const of = (charset: string) => `[mounts."/a"]\ncharset = "${charset}"`;
    expect(
      ["utf-8", "latin1", "ISO8859-1", "CP1251", "euc-kr"].flatMap((name) => problemsOf(of(name))),
    ).toEqual([]);
    for (const name of ["utf-16le", "iso-2022-jp", "klingon"]) {
      expect(problemsOf(of(name))).toEqual([
        `station.toml:2: mounts."/a".charset must be the name of a character encoding that titles can be written in, got "${name}"`,
      ]);
    }
  });

  it("has all its problems reported at once, in the order of their lines", () => {
    const text = [
      "[station]",
      'nmae = "x"',
      "[limits]",
      'segment_seconds = "two"',
      "sources = 0",
      "[ingest]",
      'tls = { cert = "a", port = 70000 }',
      "[sources]",
      "password = 5",
      '[mounts."live.mp3"]',
      'pasword = "x"',
      "[limit]",
      "a = 1",
    ].join("\n");
    expect(problemsOf(text)).toEqual([
      "station.toml:2: station.nmae is not a known setting; did you mean name?",
      'station.toml:4: limits.segment_seconds must be a number from 0.5 to 10, got "two"',
      "station.toml:5: limits.sources must be a whole number from 1 to 10000, got 0",
      "station.toml:7: ingest.tls.key must be text of at most 4096 characters, it is missing",
      "station.toml:7: ingest.tls.port must be a whole number from 1 to 65534, got 70000",
      "station.toml:9: sources.password must be text of 1 to 128 characters without line breaks",
      'station.toml:10: mounts."live.mp3": mount name must begin with "/", got "live.mp3"',
      'station.toml:11: mounts."live.mp3".pasword is not a known setting; did you mean password?',
      "station.toml:12: limit is not a known setting; did you mean limits?",
    ]);
  });

  it("has what is wrong with a mount's fallback and files reported with its line", () => {
    const text = [
      '[mounts."/a.mp3"]',
      'fallback_mount = "/a.mp3"',
      'intro = "no intro.mp3"',
      'takeover = "sometimes"',
      "fallback_when_full = 1",
      '[mounts."/b.mp3"]',
      'fallback_mount = "silent"',
      'fallback_file = "b.mp3"',
      "grace_seconds = -1",
      '[mounts."/c.mp3"]',
      'fallback_file = ""',
      'fallback_override = "own"',
      "max_listener_seconds = 0",
      '[mounts."/d.mp3"]',
      'fallback_mount = "silence"',
    ].join("\n");
    expect(problemsOf(text)).toEqual([
      'station.toml:2: mounts."/a.mp3".fallback_mount must be another mount',
      'station.toml:3: mounts."/a.mp3".intro cannot be read: no such file, got "no intro.mp3"',
      'station.toml:4: mounts."/a.mp3".takeover must be one of "same-credentials", "always", "never", got "sometimes"',
      'station.toml:5: mounts."/a.mp3".fallback_when_full must be true or false, got 1',
      'station.toml:7: mounts."/b.mp3".fallback_mount: mount name must begin with "/", got "silent"',
      'station.toml:8: mounts."/b.mp3".fallback_file cannot go with fallback_mount: one of them',
      'station.toml:9: mounts."/b.mp3".grace_seconds must be a number from 0 to 600, got -1',
      'station.toml:11: mounts."/c.mp3".fallback_file must be the path of a file, got ""',
      'station.toml:13: mounts."/c.mp3".max_listener_seconds must be a number from 1 to 31536000, got 0',
    ]);
  });

  it("never has a password quoted in a message", () => {
    const secret = "s3cret".repeat(40);
    expect(problemsOf(`[admin]\npassword = "${secret}"`)).toHaveLength(1);
    expect(problemsOf(`[admin]\npassword = "${secret}"`)[0]).not.toContain("s3cret");
  });

  it.each([
    ["dotted keys", "limits.sources = 0", 1],
    ["a dotted table", "\n[ingest.tls]\ncert = 1\nkey = 'k'", 3],
    ["a table where a value belongs", "[station.name]\nx = 1", 1],
    ["a value where a table belongs", "\nlimits = 3", 2],
    ["an array of tables where a table belongs", "\n[[limits]]\nsources = 1", 2],
    ["a mount that the server answers itself", '\n\n[mounts."/admin/x"]', 3],
    ["a SHOUTcast mount without a slash", '[ingest]\nshoutcast_mount = "x"', 2],
    ["not a number", "[limits]\ngrace_seconds = nan", 2],
    ["the prototype of all objects as a table", "\n[mounts.__proto__]\nget = 1", 2],
    ["the prototype of all objects as a key", "a.__proto__.x = 1", 1],
    ["the prototype of all objects within a line", "\nb = [{ __proto__ = { y = 1 } }]", 2],
    ["text that is not TOML", "[limits]\nsources = = 3", 2],
    ["a key given twice", "[limits]\nsources = 3\nsources = 4", 3],
  ])("locates %s", (_, text, line) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(new RegExp(`^station\\.toml:${line}: `));
  });

  it("is read, or refused with problems, whatever is in it", () => {
    const line = fc.oneof(
      fc.constantFrom(
        "[limits]",
        "[station]",
        '[mounts."/a"]',
        "[[ingest]]",
        "sources = 1",
        'name = "x"',
        "tls = {",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        for (const problem of problemsOf(lines.join("\n"))) expect(problem).toMatch(/^station\.toml:\d+: ./);
      }),
    );
  });
});

describe("known settings with any values", () => {
  const sections = Object.keys(stationSchema.shape);
  const keys = [...new Set([...example.matchAll(/^(?:# )?([a-z_]+) = /gm)].map(([, key]) => key ?? ""))];
  const value = fc.oneof(
    fc.constantFrom(
      "/a",
      "/*",
      "url",
      "htpasswd",
      "http://a:b@c/",
      "${HOME}",
      "$${",
      "10.0.0.1",
      "Mon 1:00-2:00",
    ),
    fc.string({ maxLength: 5 }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.oneof(fc.string({ maxLength: 5 }), fc.integer()), { minLength: 1, maxLength: 3 }),
  );
  const settings = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 4, noNullPrototype: true });
  const table = fc.oneof(
    settings,
    fc.array(settings, { minLength: 1, maxLength: 3 }),
    fc.dictionary(fc.constantFrom("/a", "/*", "__proto__", "x", "tls"), settings, {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  );

  it("are read, or refused with the lines of what is wrong", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...sections), table, { maxKeys: 4 }), (content) => {
        const text = writeToml(content, () => undefined);
        const problems = problemsOf(text);
        for (const problem of problems) expect(problem).toMatch(/^station\.toml:\d+: ./);
        if (problems.length === 0) read++;
      }),
      { numRuns: 1_000 },
    );
    expect(read).toBeGreaterThan(20);
  });
});

describe("the example", () => {
  it("states the defaults, and no password: copied as it is it changes nothing", () => {
    expect(parse(example)).toEqual(stationSchema.parse({}));
  });

  it("loads with every setting that it leaves out as a comment", () => {
    const all = parse(example.replace(/^# (?=[a-z_]+ = |\[)/gm, ""));
    expect([...new Set(Object.values(all.mounts).flatMap((mount) => Object.keys(mount)))].toSorted()).toEqual(
      Object.keys(stationSchema.shape.mounts.unwrap().valueType.shape).toSorted(),
    );
    expect(Object.keys(all.limits).toSorted()).toEqual(
      Object.keys(stationSchema.shape.limits.unwrap().shape).toSorted(),
    );
    const autodj = stationSchema.shape.autodj.unwrap().element.shape;
    const keysOf = (tables: readonly object[]) => [...new Set(tables.flatMap((each) => Object.keys(each)))];
    expect(keysOf(all.autodj).toSorted()).toEqual(Object.keys(autodj).toSorted());
    expect(keysOf(all.autodj.flatMap(({ rotation }) => rotation)).toSorted()).toEqual(
      Object.keys(autodj.rotation.unwrap().element.shape).toSorted(),
    );
    expect(keysOf(all.autodj.flatMap(({ jingle }) => jingle)).toSorted()).toEqual(
      Object.keys(autodj.jingle.unwrap().element.shape).toSorted(),
    );
    expect(all.ingest.tls?.port).toBe(8443);
    expect([all.sources.password, all.admin.password]).toEqual(["only the DJs know it", "only you know it"]);
  });
});

describe("a variable of the environment in a station file", () => {
  it("stands for its value in any text, and can be written as it is", () => {
    const env = { PASSWORD: "a${B}c", HOST: "radio.example" };
    const station = parse(
      '[sources]\npassword = "${PASSWORD}"\n[station]\nadmin = "ops@${HOST}"\nname = "$${HOST} $5 ${} $$"\n[[relay]]\nurl = "http://${HOST}/"\nmount = "/a"',
      env,
    );
    expect(station.sources.password).toBe("a${B}c");
    expect(station.station).toMatchObject({ admin: "ops@radio.example", name: "${HOST} $5 ${} $$" });
    expect(station.relay[0]?.url).toBe("http://radio.example/");
  });

  it("that is not set is a problem with its line, and the only one of its setting", () => {
    expect(
      problemsOf('[limits]\nsources = 0\n[admin]\npassword = "${A}${B}"\n[[directory]]\nurl = "${URL}"'),
    ).toEqual([
      "station.toml:2: limits.sources must be a whole number from 1 to 10000, got 0",
      "station.toml:4: admin.password needs A, which is not set in the environment",
      "station.toml:4: admin.password needs B, which is not set in the environment",
      "station.toml:6: directory[0].url needs URL, which is not set in the environment",
    ]);
  });

  it("never has its value in a message", () => {
    const text = '[station]\ntime_zone = "${SECRET}"\n[icy]\nmetaint = "${SECRET}"';
    const problems = problemsOf(text, { SECRET: "letmein" });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain("letmein");
  });

  it("reaches no further than the environment", () => {
    expect(problemsOf('[sources]\npassword = "${constructor}"')).toHaveLength(1);
  });
});

describe("lists of a station file", () => {
  it("have their problems reported with the line of the entry", () => {
    const text = [
      "[[user]]",
      'name = "jo"',
      'role = "boss"',
      'password = "a"',
      "[[user]]",
      'name = "admin"',
      'role = "viewer"',
      'hash = "md5"',
      "[[relay]]",
      'url = "rtmp://a/"',
      'mount = "b"',
      '[mounts."/a"]',
      'header = [{ name = "x", value = "y" }, { name = "x y", value = "z" }]',
      'listener_auth = { type = "htpasswd", listener_add = "http://a/" }',
      "burst_bytes = 1",
      "burst_seconds = 1",
      '[[mounts."/a".dj]]',
      'name = "kim"',
      'slots = ["Mon 1:00-2:00",',
      '  "Someday"]',
    ].join("\n");
    expect(problemsOf(text)).toEqual([
      'station.toml:3: user[0].role must be one of "admin", "operator", "viewer", "relay", got "boss"',
      'station.toml:8: user[1].hash must be what "npm run config -- hash" prints',
      'station.toml:10: relay[0].url must be an http or https URL, got "rtmp://a/"',
      'station.toml:11: relay[0].mount: mount name must begin with "/", got "b"',
      'station.toml:13: mounts."/a".header[1].name must be the name of a header, got "x y"',
      'station.toml:14: mounts."/a".listener_auth.listener_add cannot go with type "htpasswd", got "http://a/"',
      'station.toml:15: mounts."/a".burst_bytes cannot go with burst_seconds: one of them',
      'station.toml:17: mounts."/a".dj[0] must have a password or a hash, one of them',
      'station.toml:20: mounts."/a".dj[0].slots[1] must be days and times such as "Mon-Fri 20:00-22:00", got "Someday"',
    ]);
  });

  it("have what does not fit together reported as well", () => {
    const text =
      '[[user]]\nname = "admin"\nrole = "relay"\npassword = "x"\n[[user]]\nname = "jo"\nrole = "viewer"\n[mounts."/a"]\nsigned_urls = true';
    expect(problemsOf(text)).toEqual(["station.toml:5: user[1] must have a password or a hash, one of them"]);
    expect(problemsOf(text.replace('"viewer"', '"viewer"\npassword = "y"'))).toEqual([
      'station.toml:2: user[0].name is somebody else\'s, got "admin"',
      'station.toml:10: mounts."/a".signed_urls needs a key in signed_urls.keys ("npm run config -- key" makes one)',
    ]);
  });
});
