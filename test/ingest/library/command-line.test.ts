import { describe, expect, it } from "vitest";
import { nameOf, parseCommandLine, UsageError } from "../../../ingest/library/command-line.ts";

const problemsOf = (...argv: readonly string[]): readonly string[] => {
  try {
    parseCommandLine(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
  return [];
};

describe("the library's command line", () => {
  it("takes a folder alone, with everything else as usual", () => {
    expect(parseCommandLine(["upload", "My Music/"])).toEqual({
      kind: "upload",
      places: {},
      options: {
        folder: "My Music/",
        name: "my-music",
        order: "random",
        memory: 50,
        weights: [],
        everyTracks: 4,
        loudnessLufs: -16,
        bitrateKbps: 192,
        transcode: true,
        dryRun: false,
      },
    });
  });

  it("takes every flag, before and after the folder, with a space or =", () => {
    const command = parseCommandLine(
      [
        "--config",
        "s.toml",
        "upload",
        "--name=night",
        "dir",
        "--order",
        "sequential",
        "--memory",
        "0",
      ].concat(
        [
          "--weight",
          "a=b.mp3=3",
          "--weight=jazz/=2",
          "--jingles",
          "j",
          "--every-tracks",
          "2",
          "--loudness",
          "-18.5",
        ],
        ["--format", "48000 mono", "--bitrate", "128", "--no-transcode", "--dry-run", "--data", "d"],
      ),
    );
    expect(command).toEqual({
      kind: "upload",
      places: { config: "s.toml", data: "d" },
      options: {
        folder: "dir",
        name: "night",
        order: "sequential",
        memory: 0,
        weights: [
          { path: "a=b.mp3", weight: 3 },
          { path: "jazz/", weight: 2 },
        ],
        jingles: "j",
        everyTracks: 2,
        loudnessLufs: -18.5,
        format: { sampleRate: 48_000, channels: 1 },
        bitrateKbps: 128,
        transcode: false,
        dryRun: true,
      },
    });
    expect(parseCommandLine(["upload", "d", "--loudness=off"])).toMatchObject({
      options: { loudnessLufs: null },
    });
  });

  it("takes the other commands", () => {
    expect(parseCommandLine(["list"])).toEqual({ kind: "list", places: {} });
    expect(parseCommandLine(["list", "day"])).toEqual({ kind: "list", name: "day", places: {} });
    expect(parseCommandLine(["remove", "day", "A - B", "c"])).toEqual({
      kind: "remove",
      name: "day",
      tracks: ["A - B", "c"],
      places: {},
    });
    expect(parseCommandLine(["prune", "--data", "x"])).toEqual({ kind: "prune", places: { data: "x" } });
    for (const argv of [
      ["--help"],
      ["-h"],
      ["help"],
      ["upload", "--help"],
      ["upload", "--nonsense", "--help"],
    ])
      expect(parseCommandLine(argv)).toEqual({ kind: "help" });
  });

  it.each([
    [[], "a command is missing"],
    [["uplaod", "x"], '"uplaod" is no command; did you mean upload?'],
    [["constructor"], '"constructor" is no command'],
    [["upload"], "upload needs the folder of the music"],
    [["upload", "a", "b"], 'upload takes one folder, and "b" is one more'],
    [["upload", "a", "--nmae", "x"], "--nmae is not a known flag; did you mean --name?"],
    [["upload", "a", "--name"], "--name needs a value"],
    [["upload", "a", "--name", "x", "--name", "y"], "--name is given twice"],
    [["upload", "a", "--dry-run=yes"], "--dry-run takes no value"],
    [["upload", "a", "--memory", "1.5"], '--memory must be a whole number from 0 to 20000, got "1.5"'],
    [["upload", "a", "--loudness", "-60"], '--loudness must be off, or a number from -40 to -5, got "-60"'],
    [["upload", "a", "--order", "up"], '--order must be random or sequential, got "up"'],
    [["upload", "a", "--weight", "x=0"], '--weight must be FILE=N with N from 1 to 100, got "x=0"'],
    [
      ["upload", "a", "--every-tracks", "3"],
      "--every-tracks needs --jingles, the folder of what is played between tracks",
    ],
    [
      ["upload", "a", "--bitrate", "100"],
      '--bitrate must be one of 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, got "100"',
    ],
    [["list", "--name", "x"], "--name is for upload only"],
    [["upload", "a", "--name=-rf"], expect.stringContaining('"-rf" is no name for a library')],
    [["upload", "a", "--name", "__proto__"], expect.stringContaining("is no name for a library")],
    [["upload", "a", "--name", "a/../b"], expect.stringContaining("is no name for a library")],
    [["list", "\u001b[31m"], expect.stringContaining(String.raw`x1b[31m" is no name for a library`)],
  ] as const)("%j is answered with what is wrong", (argv, problem) => {
    expect(problemsOf(...argv)).toContainEqual(problem);
  });

  it("names a library after its folder", () => {
    expect(
      ["Müsli & Söhne", "/a/b/Night/", "..", "日本", "x".repeat(80), "C:\\Music\\Day"].map(nameOf),
    ).toEqual(["musli-sohne", "night", "music", "music", "x".repeat(64), "day"]);
  });
});
