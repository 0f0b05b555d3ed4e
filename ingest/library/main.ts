import { ConfigError } from "../../config/config-error.ts";
import { runningOn } from "../../config/running-stack.ts";
import { loadStackSettings, type StackSettings } from "../../config/settings.ts";
import { type LibraryCommand, parseCommandLine, UsageError } from "./command-line.ts";
import { help } from "./help.ts";
import { signPatienceMs } from "./limits.ts";
import { LibraryError } from "./library-store.ts";
import { listLibraries, listTracks } from "./list.ts";
import { ObjectStore, StorageError } from "./object-store.ts";
import { printable } from "./printable.ts";
import { openProgress } from "./progress.ts";
import { prune } from "./prune.ts";
import { removeLibrary, removeTracks } from "./remove.ts";
import { runUpload } from "./run-upload.ts";
import { checkStorage, NoStorageError, storagePlace } from "./storage-place.ts";
import { NoMusicError } from "./upload.ts";
import { count, size } from "./words.ts";
import { putUpSign, type Work, type WorkSign } from "./work-sign.ts";

/** `npm run library`. Exit codes: 0 done, 1 failed, 2 usage or configuration, 130 interrupted. */

const progress = openProgress(process.stderr);
const stopping = new AbortController();
let work: WorkSign | undefined;

/** Once asks, twice insists: what is stored by then stays good. */
const interrupt = (): void => {
  if (stopping.signal.aborted) process.exit(130);
  stopping.abort(new Interrupted());
};
class Interrupted extends Error {}
process.on("SIGINT", interrupt);
process.on("SIGTERM", interrupt);
process.on("SIGHUP", interrupt);
// Whoever read the output has gone: the work goes on.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

const warn = (text: string): void => progress.say(`note: ${printable(text)}`);
const now = (): number => Date.now();

async function run(argv: readonly string[]): Promise<number> {
  const command = parseCommandLine(argv);
  if (command.kind === "help") {
    process.stdout.write(`${help}\n`);
    return 0;
  }
  const settings = settingsOf(command);
  const place = storagePlace(settings, process.env);
  const store = new ObjectStore(place.storage, {
    signal: stopping.signal,
    onTrouble: (reason) => warn(`${reason}: trying again`),
  });
  await checkStorage(store, place, settings.dataDir);
  // An interrupted command still takes its sign down.
  const signs = new ObjectStore(place.storage, {
    signal: new AbortController().signal,
    onTrouble: () => undefined,
    patienceMs: signPatienceMs,
  });
  const edgeUrl = place.isLocal ? runningOn(settings.dataDir)?.edgeUrl : process.env["SKYWAVE_EDGE_URL"];
  return act(command, { settings, store, signs, edgeUrl: edgeUrl?.replace(/\/+$/, "") });
}

interface Ready {
  readonly settings: StackSettings;
  readonly store: ObjectStore;
  /** For the signs of work under way. */
  readonly signs: ObjectStore;
  /** Where listeners come; undefined where this host does not know it. */
  readonly edgeUrl: string | undefined;
}

async function act(command: Exclude<LibraryCommand, { kind: "help" }>, ready: Ready): Promise<number> {
  const { settings, store, edgeUrl } = ready;
  const say = (lines: readonly string[]): void =>
    void process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  switch (command.kind) {
    case "list": {
      const lines =
        command.name === undefined
          ? await listLibraries(store, now())
          : await listTracks(store, command.name, now());
      say(
        lines.length > 0
          ? lines
          : ["there is no library in storage: npm run library -- upload DIR makes one"],
      );
      return 0;
    }
    case "remove":
      return remove(command, ready, say);
    case "prune": {
      await begin("prune", "prune", ready);
      const { tracks, objects, bytes, editions } = await prune({ store, now, warn });
      const gone = `${count(tracks, "track")} (${count(objects, "object")}, ${size(bytes)}) and ${count(editions, "edition")}`;
      say([
        editions + objects === 0
          ? "there is nothing that no library plays any more"
          : `deleted ${gone} that no library plays any more`,
      ]);
      return 0;
    }
    case "upload": {
      if (!command.options.dryRun) await begin("upload", command.options.name, ready);
      const { options } = command;
      const given = { options, settings, store, edgeUrl, progress, signal: stopping.signal, now };
      process.stdout.write(await runUpload(given));
      return 0;
    }
  }
}

async function remove(
  { name, tracks }: { readonly name: string; readonly tracks: readonly string[] },
  ready: Ready,
  say: (lines: readonly string[]) => void,
): Promise<number> {
  const given = { store: ready.store, now, warn };
  if (tracks.length > 0) {
    const titles = await removeTracks(name, tracks, given);
    say([
      ...titles.map((title) => `taken out of ${name}: ${printable(title)}`),
      "Listeners hear no more of it within three minutes. An upload of a folder that still has it brings it back.",
    ]);
    return 0;
  }
  await begin("remove", name, ready);
  await removeLibrary(name, given);
  work?.leave();
  work = undefined;
  say([`${name} is off the air within a minute; in ten minutes npm run library -- prune deletes its tracks`]);
  return 0;
}

/** Keeps work that does not go together with it away. Throws LibraryError while there is some. */
async function begin(kind: Work, what: string, { settings, signs }: Ready): Promise<void> {
  const who = `${settings.ingest.ingestId} ${what}`;
  const sign = await putUpSign(kind, { store: signs, who, now });
  if (typeof sign === "string") throw new LibraryError(inTheWay[sign]);
  work = sign;
}

const inTheWay: Readonly<Record<Work, string>> = {
  upload:
    "an upload is under way, or was broken off within the last hour: let it end first, or run it again to its end",
  prune:
    "npm run library -- prune is under way, or was broken off within the last hour: run it again to its end first",
  remove: "a library was removed in the last ten minutes, and somebody may still hear it: try again later",
};

function settingsOf({ places }: Exclude<LibraryCommand, { kind: "help" }>): StackSettings {
  const { config, data } = places;
  const flags = [
    ...(config === undefined ? [] : ["--config", config]),
    ...(data === undefined ? [] : ["--data", data]),
  ];
  return loadStackSettings(flags, process.env);
}

/** The exit code of what went wrong, which is told. */
function failed(error: unknown): number {
  const tell = (lines: readonly string[]): void => {
    for (const line of lines) progress.say(printable(line));
  };
  if (stopping.signal.aborted) {
    tell(["interrupted: what was uploaded stays, and the same command goes on from there"]);
    return 130;
  }
  if (error instanceof UsageError || error instanceof ConfigError) {
    tell(error.problems);
    if (error instanceof UsageError) tell(["npm run library -- --help tells what there is"]);
    return 2;
  }
  if (error instanceof StorageError) {
    tell([
      `storage failed: ${error.message}`,
      "What was uploaded stays: the same command goes on from there.",
    ]);
    return 1;
  }
  const known = [NoMusicError, NoStorageError, LibraryError].some((kind) => error instanceof kind);
  if (!known || !(error instanceof Error)) throw error;
  tell([error.message]);
  return 1;
}

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  progress.end();
  return failed(error);
});
progress.end();
await work?.end().catch(() => undefined);
