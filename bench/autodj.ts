import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketOf } from "../test/support/bucket.ts";
import { spawnClient } from "../test/support/clients.ts";
import { type IngestProcess, startIngest } from "../test/support/ingest-process.ts";
import { type Listening, listen } from "../test/support/listen.ts";
import { startStack } from "../test/support/stack.ts";
import { streamMp3 } from "../test/support/stream-mp3.ts";
import { waitFor } from "../test/support/wait.ts";
import { type HeardJoins, heardJoins } from "./support/heard-joins.ts";
import { describeMachine } from "./support/machine.ts";
import { type Figure, medianOf } from "./support/row.ts";
import { makeToneTracks } from "./support/tone-tracks.ts";
import { type Usage, usageOf } from "./support/usage.ts";

/**
 * `npm run bench:autodj`: one folder of twelve tracks played by Liquidsoap into our ingest and by our AutoDJ, side by side in one
 * run of about five minutes. Four ingest processes beside one stack: one has the AutoDJ, one Liquidsoap as its source, one a source
 * that sends the same frames and does nothing else, one nothing at all. What they need more than the last is what their mount costs.
 */
const tracks = 12;
const trackSeconds = 15;
/** Until everything is compiled, and the AutoDJ has looked into all tracks. */
const warmUpMs = 45_000;
const windows = 5;
const windowMs = 40_000;
const mounts = { autodj: "/autodj.mp3", liquidsoap: "/liquidsoap.mp3", plain: "/plain.mp3" };

const say = (line: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const folder = mkdtempSync(join(tmpdir(), "skywave-bench-autodj-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const music = join(folder, "music");
say(`making ${tracks} tracks`);
const machine = describeMachine();
const toneTracks = makeToneTracks(music, tracks, trackSeconds);
const stack = await startStack();
const closing: (() => Promise<unknown> | void)[] = [() => stack.stop()];
async function measure(): Promise<string> {
  const station = join(folder, "station.toml");
  // Liquidsoap leaves the level as it is, too.
  writeFileSync(
    station,
    `[[autodj]]\nmount = "${mounts.autodj}"\nmusic = [${JSON.stringify(music)}]\nloudness_lufs = false\n`,
  );
  const ingests = {
    autodj: await openIngest("autodj", station),
    liquidsoap: await openIngest("liquidsoap"),
    plain: await openIngest("plain"),
    nothing: await openIngest("nothing"),
  };
  const liquidsoap = openLiquidsoap(ingests.liquidsoap);
  const plain = await streamMp3(ingests.plain.port, mounts.plain, toneTracks[0]?.path ?? "", {
    password: ingests.plain.password,
    loop: true,
  });
  closing.push(() => plain.destroy());
  const listeners = { autodj: await onAir(mounts.autodj), liquidsoap: await onAir(mounts.liquidsoap) };
  closing.push(() => Object.values(listeners).forEach((each) => each.close()));
  say("warming up");
  await sleep(warmUpMs);

  function usages(): Readonly<Record<Process, Usage>> {
    return {
      autodj: usageOf(ingests.autodj.pid),
      fed: usageOf(ingests.liquidsoap.pid),
      plain: usageOf(ingests.plain.pid),
      nothing: usageOf(ingests.nothing.pid),
      liquidsoap: usageOf(liquidsoap),
    };
  }
  const readings = [usages()];
  for (let window = 1; window <= windows; window++) {
    await sleep(windowMs);
    readings.push(usages());
    say(`window ${window} of ${windows}`);
  }
  const heard = {
    autodj: heardJoins(listeners.autodj, toneTracks),
    liquidsoap: heardJoins(listeners.liquidsoap, toneTracks),
  };
  return [machine.join("\n"), tableOf(readings, heard), notesOf(readings, heard)].join("\n\n");
}

type Process = "autodj" | "fed" | "plain" | "nothing" | "liquidsoap";
type Reading = Readonly<Record<Process, Usage>>;
type Heard = Readonly<Record<"autodj" | "liquidsoap", HeardJoins>>;

async function openIngest(name: string, stationFile?: string): Promise<IngestProcess> {
  const dataDir = join(folder, `data-${name}`);
  mkdirSync(dataDir);
  const bucket = bucketOf(stack);
  const ingest = await startIngest({
    stack,
    bucket,
    edgeUrl: stack.edgeUrl,
    bucketUrl: bucket.url,
    password: stack.password,
    adminPassword: stack.adminPassword,
    dataDir,
    ...(stationFile !== undefined && { stationFile }),
  });
  closing.push(() => ingest.stop());
  return ingest;
}

/** The script that stands in every tutorial; returns its process id. */
function openLiquidsoap({ port, password }: IngestProcess): number {
  const script = [
    "settings.init.allow_root.set(true)",
    "settings.log.level.set(2)",
    `radio = playlist(mode="random", reload=3600, ${JSON.stringify(music)})`,
    // Otherwise the silence before the list is read, which never ends, is all that is ever heard.
    "radio = fallback(track_sensitive=false, [radio, blank()])",
    `output.icecast(%mp3(bitrate=128), host="127.0.0.1", port=${port}, password=${JSON.stringify(password)},`,
    `  mount=${JSON.stringify(mounts.liquidsoap)}, name="Bench", description="Tones", genre="Test", radio)`,
  ].join("\n");
  const client = spawnClient("liquidsoap", [script]);
  closing.push(() => client.kill());
  const { pid } = client.child;
  if (pid === undefined) throw new Error("not installed: liquidsoap");
  return pid;
}

const onAir = (mount: string): Promise<Listening> =>
  waitFor(
    `${mount} to be on the air`,
    async () => {
      const listening = await listen(stack.edgeUrl + mount, { icy: true });
      if (listening.status === 200) return listening;
      listening.close();
      return false;
    },
    30_000,
  );

/** Of each window the ms of CPU per second that some processes used more than others. */
const cpuMs = (
  readings: readonly Reading[],
  processes: readonly Process[],
  less: readonly Process[] = [],
): Figure | null =>
  medianOf(
    readings.slice(1).map((after, window) => {
      const before = readings[window] ?? after;
      const used = (names: readonly Process[]) =>
        names.reduce((sum, name) => sum + after[name].cpuSeconds - before[name].cpuSeconds, 0);
      return ((used(processes) - used(less)) * 1000) / ((after.nothing.atMs - before.nothing.atMs) / 1000);
    }),
  );

const mib = (readings: readonly Reading[], process: Process, less?: Process): Figure | null =>
  medianOf(
    readings
      .slice(1)
      .map((all) => (all[process].residentKib - (less === undefined ? 0 : all[less].residentKib)) / 1024),
  );

function shown(figure: Figure | null, digits = 1): string {
  if (figure === null) return "none";
  const { value, range } = figure;
  const text = (number: number): string => number.toFixed(digits);
  return range === undefined ? text(value) : `${text(value)} (${text(range[0])} to ${text(range[1])})`;
}

function tableOf(readings: readonly Reading[], heard: Heard): string {
  const gaps = ({ joins }: HeardJoins) => medianOf(joins.map(({ gapMs }) => gapMs));
  const titles = ({ joins }: HeardJoins) =>
    medianOf(joins.flatMap(({ titleMs }) => (titleMs === null ? [] : [titleMs])));
  const missing = ({ joins }: HeardJoins) => joins.filter(({ titleMs }) => titleMs === null).length;
  const same = ({ sameFrames, frames }: HeardJoins) => `${sameFrames} of ${frames}`;
  const rows: (readonly [string, string, string])[] = [
    [
      "CPU, ms a second: the mount and who plays on it, above an ingest without either",
      shown(cpuMs(readings, ["autodj"], ["nothing"])),
      shown(cpuMs(readings, ["liquidsoap", "fed"], ["nothing"])),
    ],
    ["… of it the player's own process", "–", shown(cpuMs(readings, ["liquidsoap"]))],
    [
      "… of it the ingest, above one with a source that only sends",
      shown(cpuMs(readings, ["autodj"], ["plain"])),
      shown(cpuMs(readings, ["fed"], ["plain"])),
    ],
    ["memory of the player's own process, MiB", "–", shown(mib(readings, "liquidsoap"), 0)],
    [
      "memory of the ingest above one with a source that only sends, MiB",
      shown(mib(readings, "autodj", "plain"), 0),
      shown(mib(readings, "fed", "plain"), 0),
    ],
    ["joins heard", `${heard.autodj.joins.length}`, `${heard.liquidsoap.joins.length}`],
    ["without sound at a join, ms", shown(gaps(heard.autodj)), shown(gaps(heard.liquidsoap))],
    [
      "without sound within a track, times",
      `${heard.autodj.otherGapsMs.length}`,
      `${heard.liquidsoap.otherGapsMs.length}`,
    ],
    [
      "title after its track's first sound, ms (blocks are a second apart)",
      shown(titles(heard.autodj), 0),
      shown(titles(heard.liquidsoap), 0),
    ],
    ["tracks whose title did not come", `${missing(heard.autodj)}`, `${missing(heard.liquidsoap)}`],
    ["frames that are those of the files", same(heard.autodj), same(heard.liquidsoap)],
    ["complaints of ffmpeg", `${heard.autodj.complaints}`, `${heard.liquidsoap.complaints}`],
  ];
  const lines = rows.map(([what, ours, theirs]) => `| ${what} | ${ours} | ${theirs} |`);
  return ["| what | AutoDJ | Liquidsoap |", "|---|--:|--:|", ...lines].join("\n");
}

function notesOf([first]: readonly Reading[], { autodj, liquidsoap }: Heard): string {
  const used = (name: Process): number => first?.[name].cpuSeconds ?? 0;
  return [
    `- medians of ${windows} windows of ${windowMs / 1000} s, and of all joins, with least and most; heard: ${autodj.seconds.toFixed(0)} s and ${liquidsoap.seconds.toFixed(0)} s`,
    `- before that, once: looking into ${tracks} files, ${(tracks * trackSeconds) / 60} minutes of audio, costs ${(used("autodj") - used("plain")).toFixed(1)} s of CPU (start included, less that of an ingest with a source that only sends); Liquidsoap's start ${used("liquidsoap").toFixed(1)} s`,
  ].join("\n");
}

try {
  console.log(await measure());
} finally {
  for (const close of closing.toReversed()) await close();
}
