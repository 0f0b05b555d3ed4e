import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { stationSchema } from "../../config/station.ts";
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
    expect(all.ingest.tls?.port).toBe(8443);
    expect([all.sources.password, all.admin.password]).toEqual(["only the DJs know it", "only you know it"]);
  });
});
