import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { withAutoDjKept } from "../../config/edge-settings.ts";
import { loadStackSettings } from "../../config/settings.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "skywave autodj ")));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const flags = (...more: string[]) => ["--data", join(folder, "data"), ...more];
const stationFile = (text: string) => {
  writeFileSync(join(folder, "my.toml"), text);
  return flags("--config", join(folder, "my.toml"));
};
const load = (text: string) => loadStackSettings(stationFile(text), {});
const problemsOf = (act: () => unknown): readonly string[] => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};
/** Without the path of the file before them. */
const problemsIn = (text: string) =>
  problemsOf(() => load(text)).map((problem) =>
    problem.slice(problem.indexOf("my.toml:") + "my.toml:".length),
  );

describe("an AutoDJ of a station file", () => {
  it("has one rotation of its music and every default", () => {
    const { ingest, notes } = load('[[autodj]]\nmount = "/a.mp3"\nmusic = ["music", "storage:jazz/"]');
    expect(ingest.autodjs).toEqual([
      {
        mount: "/a.mp3",
        info: {},
        rotations: [
          {
            name: "music",
            places: [
              { kind: "path", path: join(folder, "music"), shown: "music" },
              { kind: "storage", prefix: "jazz/", shown: "storage:jazz/" },
            ],
            order: "random",
            memory: 50,
            weight: 1,
            slots: [],
          },
        ],
        jingles: [],
        reloadMs: 3_600_000,
        loudnessLufs: -16,
        transcode: true,
        format: null,
        bitrateKbps: 192,
        timeZone: "UTC",
      },
    ]);
    expect(notes).toEqual(["the AutoDJ of /a.mp3 waits for music, which is not there"]);
  });

  it("has all that it says, times in its own time zone", () => {
    mkdirSync(join(folder, "day"));
    const { ingest, notes } = load(`
      [station]
      time_zone = "Asia/Seoul"
      [[autodj]]
      mount = "/a.mp3"
      reload_seconds = 1.5
      name = "Name"
      description = "Description"
      genre = "Genre"
      url = "https://radio.example"
      public = false
      loudness_lufs = false
      transcode = false
      format = "22050 mono"
      bitrate_kbps = 160
      time_zone = "Europe/Berlin"
      [[autodj.rotation]]
      name = "day"
      music = ["day"]
      order = "sequential"
      memory = 0
      weight = 3
      times = ["Mon 06:00-20:00", "Tue 22:00-24:00 America/Lima"]
      [[autodj.rotation]]
      music = ["${folder}/day"]
      [[autodj.jingle]]
      music = ["day"]
      every_tracks = 4
      [[autodj.jingle]]
      music = ["day"]
      order = "sequential"
      every_minutes = 0.5
      times = ["Sun 01:00-02:00"]
      [[autodj]]
      mount = "/b.mp3"
      music = ["day"]`);
    expect(notes).toEqual([]);
    const [first, second] = ingest.autodjs;
    expect(first).toMatchObject({
      info: {
        name: "Name",
        description: "Description",
        genre: "Genre",
        url: "https://radio.example",
        public: false,
      },
      reloadMs: 1_500,
      loudnessLufs: null,
      transcode: false,
      format: { sampleRate: 22_050, channels: 1 },
      bitrateKbps: 160,
      timeZone: "Europe/Berlin",
    });
    expect(first?.rotations).toMatchObject([
      {
        name: "day",
        order: "sequential",
        memory: 0,
        weight: 3,
        slots: [
          { days: [1], from: 360, to: 1200, timeZone: "Europe/Berlin" },
          { days: [2], from: 1320, to: 0, timeZone: "America/Lima" },
        ],
      },
      {
        name: "rotation 2",
        places: [{ kind: "path", path: join(folder, "day") }],
        order: "random",
        weight: 1,
      },
    ]);
    const places = [{ kind: "path", path: join(folder, "day"), shown: "day" }];
    expect(first?.jingles).toEqual([
      { places, order: "random", everyTracks: 4, slots: [] },
      {
        places,
        order: "sequential",
        everyMs: 30_000,
        slots: [{ days: [7], from: 60, to: 120, timeZone: "Europe/Berlin" }],
      },
    ]);
    expect(second?.timeZone).toBe("Asia/Seoul");
  });

  it("of kind edge is a rule of its mount at the edge, behind what the mount's own table says", () => {
    const { ingest, edge } = load(`
      [[autodj]]
      mount = "/a.mp3"
      kind = "edge"
      library = "jazz"
      [[autodj]]
      mount = "/b.mp3"
      kind = "edge"
      library = "jazz"
      name = "Said here"
      genre = "Jazz"
      public = true
      [mounts."/b.mp3"]
      stream_name = "Said there"
      public = false`);
    expect(ingest.autodjs).toEqual([]);
    expect(edge.mounts).toEqual({
      "/a.mp3": { autodj: { library: "jazz" } },
      "/b.mp3": { autodj: { library: "jazz" }, public: false, stream: { name: "Said there", genre: "Jazz" } },
    });
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
  });

  it.each([
    ["nothing", "[[autodj]]", ["1: autodj[0].mount must be text of at most 256 characters, it is missing"]],
    ["no music", '[[autodj]]\nmount = "/a"', ["1: autodj[0] needs music or a rotation"]],
    [
      "an empty list",
      '[[autodj]]\nmount = "/a"\nmusic = []',
      ["3: autodj[0].music must name a folder, a list or storage:PREFIX"],
    ],
    [
      "places that are none",
      '[[autodj]]\nmount = "/a"\nmusic = ["http://a/b.mp3", "storage:", "storage:v1/x", "storage:f", ""]',
      [
        '3: autodj[0].music[0] must be on this host or in storage, not at a URL, got "http://a/b.mp3"',
        '3: autodj[0].music[1] must say what the keys begin with, such as "storage:music/", got "storage:"',
        '3: autodj[0].music[2] must not begin with "v1/": the station keeps its own objects there, got "storage:v1/x"',
        '3: autodj[0].music[3] must not begin with "file/": the station keeps its own objects there, got "storage:f"',
        '3: autodj[0].music[4] must be the path of a folder or a list, or storage:PREFIX, got ""',
      ],
    ],
    [
      "music twice",
      '[[autodj]]\nmount = "/a"\nmusic = ["a"]\nmemory = 3\n[[autodj.rotation]]\nmusic = ["b"]',
      [
        "3: autodj[0].music cannot go with rotation: one of them",
        "4: autodj[0].memory belongs to each rotation",
      ],
    ],
    [
      "names twice",
      '[[autodj]]\nmount = "/a"\n[[autodj.rotation]]\nname = "x"\nmusic = ["b"]\n[[autodj.rotation]]\nname = "x"\nmusic = ["b"]',
      ['7: autodj[0].rotation[1].name is the name of another rotation, got "x"'],
    ],
    [
      "the mount of another, of a relay, and a pattern",
      '[[relay]]\nurl = "http://a/"\nmount = "/r"\n[[autodj]]\nmount = "/a"\nmusic = ["a"]\n[[autodj]]\nmount = "/a"\nmusic = ["a"]\n[[autodj]]\nmount = "/r"\nmusic = ["a"]\n[[autodj]]\nmount = "/*"\nmusic = ["a"]',
      [
        '8: autodj[1].mount is the mount of another AutoDJ, got "/a"',
        '11: autodj[2].mount is the mount of a relay, got "/r"',
        '14: autodj[3].mount must be one mount and no pattern, got "/*"',
      ],
    ],
    [
      "a name that is no mount",
      '[[autodj]]\nmount = "a"\nmusic = ["a"]',
      ['2: autodj[0].mount: mount name must begin with "/", got "a"'],
    ],
    [
      "music at the edge",
      '[[autodj]]\nmount = "/a"\nkind = "edge"\nmusic = ["a"]\norder = "random"\n[[autodj.jingle]]\nmusic = ["b"]\nevery_tracks = 1',
      [
        '1: autodj[0].library must be given with kind "edge": the name that "npm run library -- upload" stored it under',
        '4: autodj[0].music cannot go with kind "edge"',
        '5: autodj[0].order cannot go with kind "edge"',
        '6: autodj[0].jingle cannot go with kind "edge"',
      ],
    ],
    [
      "a library of its own",
      '[[autodj]]\nmount = "/a"\nmusic = ["a"]\nlibrary = "x"',
      ['4: autodj[0].library goes with kind "edge" only'],
    ],
    [
      "jingles that never come, times and zones that are none",
      '[[autodj]]\nmount = "/a"\nmusic = ["a"]\ntime_zone = "Mars/Base"\n[[autodj.jingle]]\nmusic = ["b"]\n[[autodj.rotation]]\nmusic = ["a"]\ntimes = ["Someday"]',
      [
        "3: autodj[0].music cannot go with rotation: one of them",
        '4: autodj[0].time_zone must be the name of a time zone, such as "Asia/Seoul", got "Mars/Base"',
        "5: autodj[0].jingle[0] needs every_tracks or every_minutes",
        '9: autodj[0].rotation[0].times[0] must be days and times such as "Mon-Fri 20:00-22:00", got "Someday"',
      ],
    ],
    [
      "what MP3 has not",
      '[[autodj]]\nmount = "/a"\nmusic = ["a"]\nformat = "44000 stereo"\nbitrate_kbps = 100\nloudness_lufs = true',
      [
        '4: autodj[0].format must be a sample rate of MP3 and "mono" or "stereo", such as "44100 stereo", got "44000 stereo"',
        "5: autodj[0].bitrate_kbps must be one of 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, got 100",
        "6: autodj[0].loudness_lufs must be a number from -40 to -5, or false, got true",
      ],
    ],
    [
      "a bitrate that the format has not",
      '[[autodj]]\nmount = "/a"\nmusic = ["a"]\nformat = "22050 stereo"',
      ["1: autodj[0].bitrate_kbps must be at most 160 with a format of 22050 Hz, is 192"],
    ],
    [
      "misspelt",
      '[[autodj]]\nmount = "/a"\nmusik = ["a"]\n[[autodj.jingle]]\nevery_track = 1\nmusic = ["a"]\nevery_tracks = 1',
      [
        "3: autodj[0].musik is not a known setting; did you mean music?",
        "5: autodj[0].jingle[0].every_track is not a known setting; did you mean every_tracks?",
      ],
    ],
  ])("is refused with its lines when it has %s", (_, text, problems) => {
    expect(problemsIn(text)).toEqual(problems);
  });
});

describe("--music", () => {
  it("is an AutoDJ on /autodj.mp3, from where the command was typed", () => {
    mkdirSync(join(folder, "my music"));
    const { ingest, music, demo, tellsEdge } = loadStackSettings(flags("--music", "my music"), {
      INIT_CWD: folder,
    });
    const path = join(folder, "my music");
    const asFile = load('[[autodj]]\nmount = "/autodj.mp3"\nmusic = ["my music"]').ingest.autodjs;
    expect(ingest.autodjs).toEqual(asFile);
    expect({ music, demo, tellsEdge }).toEqual({ music: path, demo: false, tellsEdge: false });
  });

  it("is added to those of a station file, with its time zone, wherever that lies", () => {
    mkdirSync(join(folder, "typed", "storage:x"), { recursive: true });
    const argv = [
      ...stationFile('[station]\ntime_zone = "Asia/Seoul"\n[[autodj]]\nmount = "/a"\nmusic = ["."]'),
      "--music",
      "storage:x",
    ];
    const { autodjs } = loadStackSettings(argv, { INIT_CWD: join(folder, "typed") }).ingest;
    expect(autodjs.map(({ mount, timeZone }) => [mount, timeZone])).toEqual([
      ["/a", "Asia/Seoul"],
      ["/autodj.mp3", "Asia/Seoul"],
    ]);
    expect(autodjs[1]?.rotations[0]?.places).toEqual([
      { kind: "path", path: join(folder, "typed", "storage:x"), shown: "storage:x" },
    ]);
  });

  it("may be a list", () => {
    writeFileSync(join(folder, "x.M3U"), "");
    expect(loadStackSettings(flags("--music", join(folder, "x.M3U")), {}).music).toBe(join(folder, "x.M3U"));
  });

  it("is refused in one line when nothing can be played of it", () => {
    writeFileSync(join(folder, "x.txt"), "");
    const of = (music: string) =>
      problemsOf(() => loadStackSettings(flags("--music", music), { INIT_CWD: folder }));
    expect(of("gone")).toEqual(['--music "gone" is not there']);
    expect(of("x.txt")).toEqual(['--music "x.txt" is neither a folder nor a list of music']);
    expect(problemsOf(() => loadStackSettings(flags("--music"), {}))).toEqual(["--music needs a value"]);
    expect(
      problemsOf(() =>
        loadStackSettings(
          [...stationFile('[[autodj]]\nmount = "/autodj.mp3"\nmusic = ["."]'), "--music", folder],
          {},
        ),
      ),
    ).toEqual(["--music plays on /autodj.mp3, where the station file has an [[autodj]]"]);
  });

  it("is waited for by a process of the stack that is brought back when the folder is away", () => {
    const { ingest } = loadStackSettings(
      flags("--music", join(folder, "gone")),
      { SKYWAVE_PUSH_STATION: "1" },
      "ingest",
    );
    expect(ingest.autodjs).toHaveLength(1);
  });
});

describe("the demo", () => {
  it("plays where a stack has nothing else and nobody said no", () => {
    const demo = (...[argv, env = {}, role]: Partial<Parameters<typeof loadStackSettings>>) =>
      loadStackSettings(argv ?? flags(), env, role).demo;
    expect(demo()).toBe(true);
    expect(demo(flags("--no-demo"))).toBe(false);
    expect(demo(flags("--music", folder))).toBe(false);
    expect(demo(stationFile(""))).toBe(false);
    expect(demo(flags(), { SKYWAVE_PUSH_STATION: "1" }, "ingest")).toBe(true);
    expect(demo(flags(), {}, "ingest")).toBe(false);
  });

  it("is turned off by a flag without a value", () => {
    expect(problemsOf(() => loadStackSettings(flags("--no-demo=1"), {}))).toEqual([
      "--no-demo takes no value",
    ]);
    expect(problemsOf(() => loadStackSettings(flags("--no-dem"), {}))).toEqual([
      "--no-dem is not a known flag; did you mean --no-demo?",
    ]);
  });
});

it("keeps what an AutoDJ played for a day, unless somebody says otherwise", () => {
  const station = {
    ...edgeStationSchema.parse({}),
    mounts: { "/a.mp3": { hidden: true }, "/b/*.mp3": { archive: true } },
  };
  const autodjs = [{ mount: "/a.mp3" }, { mount: "/b/1.mp3" }, { mount: "/c.mp3" }];
  expect(withAutoDjKept(station, autodjs).mounts).toEqual({
    "/a.mp3": { hidden: true, retentionMs: 86_400_000 },
    "/b/*.mp3": { archive: true },
    "/c.mp3": { retentionMs: 86_400_000 },
  });
});
