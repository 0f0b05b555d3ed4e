import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import type { EdgeStation } from "../shared/edge-station.ts";
import { ConfigError } from "./config-error.ts";
import { demoAutoDj, withDemo } from "./demo.ts";
import { edgeStation, type MountFile, mountFiles, withAutoDjKept } from "./edge-settings.ts";
import type { Environment } from "./environment.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { ingestSettings } from "./ingest-of-station.ts";
import type { IngestSettings } from "./ingest-settings.ts";
import { reachable, urlHost } from "./listening.ts";
import { type MusicFlag, musicFlag } from "./music-flag.ts";
import { type ReadStation, readStation } from "./read-station.ts";
import { readRemote, type Remote, requireRemote } from "./remote.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { stationSchema } from "./station.ts";

/** Everything the local stack needs to know. */
export interface StackSettings {
  readonly dataDir: string;
  /** Absolute path of the station file, of either kind; undefined when there is none. */
  readonly stationFile?: string;
  readonly host: string;
  /** Where listeners connect. */
  readonly edgePort: number;
  /** The ingest process as it runs beside this stack's own edge. */
  readonly ingest: IngestSettings;
  /** What the edge is told of the station, without the files that it plays. */
  readonly edge: EdgeStation;
  /** Files that the edge is to play. */
  readonly files: readonly MountFile[];
  /** Whether this process tells the edge of the station: not a spare beside the one that has the station file. */
  readonly tellsEdge: boolean;
  /** What `--music` says to play, absolute. */
  readonly music?: string;
  /** Whether this station has nothing of its own: the programme that comes with Skywave plays. */
  readonly demo: boolean;
  readonly secrets: Secrets;
  /** Whether the source password is the one made at random for this data folder. */
  readonly generatedSourcePassword: boolean;
  readonly generatedAdminPassword: boolean;
  /** What the station file says that an operator should look at, a line each. */
  readonly notes: readonly string[];
}

const logLevels: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** Settings of the ingest process; makes the data folder when missing. Throws ConfigError or HelpRequest. */
export function loadIngestSettings(argv: readonly string[], env: Environment): IngestSettings {
  return loadStackSettings(argv, env, "ingest").ingest;
}

/** Which process asks: only the ingest itself needs to reach an edge that is elsewhere. */
type Role = "stack" | "ingest";

/** Settings of the whole local stack; makes the data folder when missing. Throws ConfigError or HelpRequest. */
export function loadStackSettings(
  argv: readonly string[],
  env: Environment,
  role: Role = "stack",
): StackSettings {
  const problems: string[] = [];
  const flags = parseFlags(argv, problems);
  if (flags.host !== undefined && isIP(flags.host) === 0 && flags.host !== "localhost") {
    problems.push(`--host must be an IP address, got ${JSON.stringify(flags.host)}`);
  }
  const logLevel = env["SKYWAVE_LOG_LEVEL"] || "info";
  if (!logLevels.includes(logLevel)) {
    problems.push(
      `SKYWAVE_LOG_LEVEL must be one of ${logLevels.join(", ")}, got ${JSON.stringify(logLevel)}`,
    );
  }
  const remote = readRemote(env, problems);
  if (role === "ingest") requireRemote(remote, env, problems);
  // npm runs scripts in the project's folder; a path in a flag starts where the command was typed.
  const base = env["INIT_CWD"] ?? process.cwd();
  const stationFile = findStationFile(flags, base);
  const read = stationOf(stationFile, { flags, base, env }, problems);
  const music = musicFlag(flags, { base, env, station: read.station }, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const dataDir = flags.data === undefined ? resolve(".skywave") : resolve(base, flags.data);
  const secrets = openSecrets(dataDir);
  return combine({ flags, read, music, role, stationFile, secrets, dataDir, env, remote });
}

/**
 * The same later, for a process that runs with `before`. A file that was found without being named and has gone is a
 * problem too, and no wish for the defaults.
 */
export function reloadStackSettings(
  before: Pick<StackSettings, "stationFile">,
  ...[argv, env, role]: Parameters<typeof loadStackSettings>
): StackSettings {
  const next = loadStackSettings(argv, env, role);
  if (before.stationFile === undefined || next.stationFile !== undefined) return next;
  throw new ConfigError([`the station file ${before.stationFile} is gone`]);
}

function findStationFile(flags: Flags, base: string): string | undefined {
  if (flags.config !== undefined) return resolve(base, flags.config);
  const usual = resolve("station.toml");
  return existsSync(usual) ? usual : undefined;
}

function stationOf(
  file: string | undefined,
  { flags, base, env }: { readonly flags: Flags; readonly base: string; readonly env: Environment },
  problems: string[],
): ReadStation {
  const nothing = { station: stationSchema.parse({}), notes: [] };
  if (file === undefined) return nothing;
  try {
    return readStation(file, { shownAs: flags.config ?? "station.toml", startedIn: base, env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return nothing;
  }
}

interface Sources {
  readonly flags: Flags;
  readonly read: ReadStation;
  readonly music: MusicFlag | undefined;
  readonly role: Role;
  readonly stationFile: string | undefined;
  readonly secrets: Secrets;
  readonly dataDir: string;
  readonly env: Environment;
  readonly remote: Remote;
}

function combine(sources: Sources): StackSettings {
  const { flags, read, music, role, stationFile, secrets, dataDir, env, remote } = sources;
  const { station, notes } = read;
  const host = flags.host ?? station.ingest.address;
  const edgePort = flags.edgePort ?? station.edge.port;
  // Relative paths in the station file start where the file is.
  const stationDir = dirname(stationFile ?? "");
  const ingest = ingestSettings(station, {
    host,
    port: flags.ingestPort ?? station.ingest.port,
    edgeUrl: remote.edgeUrl ?? `http://${urlHost(reachable(host))}:${edgePort}`,
    bucketUrl: remote.bucketUrl,
    dataDir,
    secrets,
    env,
    resolve: (path) => resolve(stationDir, path),
  });
  const { hostname } = station.station;
  const inStack = role === "stack" || env["SKYWAVE_PUSH_STATION"] === "1";
  // An ingest alone may serve somebody else's station.
  const demo = flags.demo && inStack && stationFile === undefined && music === undefined;
  const autodjs = [
    ...ingest.autodjs,
    ...(music === undefined ? [] : [music.autodj]),
    ...(demo ? [demoAutoDj(station.station.time_zone)] : []),
  ];
  const edge = edgeStation(station, {
    ingestHost: `${hostname === "localhost" ? urlHost(reachable(host)) : hostname}:${ingest.port}`,
    shoutcastPort: ingest.shoutcastPort,
  });
  return {
    dataDir,
    ...(stationFile === undefined ? {} : { stationFile }),
    host,
    edgePort,
    ingest: { ...ingest, autodjs },
    edge: withAutoDjKept(demo ? withDemo(edge) : edge, autodjs),
    files: mountFiles(station, stationDir),
    tellsEdge: stationFile !== undefined || env["SKYWAVE_PUSH_STATION"] === "1",
    ...(music === undefined ? {} : { music: music.path }),
    demo,
    secrets,
    generatedSourcePassword: !env["SKYWAVE_SOURCE_PASSWORD"] && station.sources.password === undefined,
    generatedAdminPassword: !env["SKYWAVE_ADMIN_PASSWORD"] && station.admin.password === undefined,
    notes,
  };
}
