import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { noSecrets } from "../shared/edge-secrets.ts";
import type { EdgeStation } from "../shared/edge-station.ts";
import { ConfigError } from "./config-error.ts";
import { edgeStation, type MountFile, mountFiles, toMs } from "./edge-settings.ts";
import { type Flags, parseFlags } from "./flags.ts";
import type { IngestSettings } from "./ingest-settings.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { type Station, stationSchema } from "./station.ts";
import { parseStation } from "./station-file.ts";

/** Everything the local stack needs to know. */
export interface StackSettings {
  readonly dataDir: string;
  /** Absolute path of the station file; undefined when there is none. */
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
  readonly secrets: Secrets;
  /** Whether the source password is the one made at random for this data folder. */
  readonly generatedSourcePassword: boolean;
  readonly generatedAdminPassword: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Path of the bucket under the S3 endpoint that a local edge runtime serves to loopback. */
export const localBucketPath = "/cdn-cgi/local/r2/s3/skywave-segments";

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
  const station = readStation(stationFile, flags, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const dataDir = flags.data === undefined ? resolve(".skywave") : resolve(base, flags.data);
  const secrets = openSecrets(dataDir);
  return combine({ flags, station, stationFile, secrets, dataDir, env, remote });
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

/** What the environment says of an edge and a storage that are elsewhere. */
interface Remote {
  readonly edgeUrl?: string;
  readonly bucketUrl?: string;
}

function readRemote(env: Environment, problems: string[]): Remote {
  const url = (name: string): string | undefined => {
    const value = env[name];
    if (value === undefined || value === "") return undefined;
    if (/^https?:$/.test(URL.parse(value)?.protocol ?? "")) return value.replace(/\/+$/, "");
    problems.push(`${name} must be an http or https URL, got ${JSON.stringify(value)}`);
    return undefined;
  };
  const edgeUrl = url("SKYWAVE_EDGE_URL");
  const bucketUrl = url("SKYWAVE_S3_URL");
  return {
    ...(edgeUrl === undefined ? {} : { edgeUrl }),
    ...(bucketUrl === undefined ? {} : { bucketUrl }),
  };
}

/** Secrets of this data folder open nothing on another machine; a start with them would only fail later, less clearly. */
function requireRemote({ edgeUrl, bucketUrl }: Remote, env: Environment, problems: string[]): void {
  if (edgeUrl === undefined) return;
  const needed: string[] = [];
  if (!env["SKYWAVE_S3_URL"]) needed.push("SKYWAVE_S3_URL");
  if (!isLoopback(edgeUrl)) needed.push("SKYWAVE_INGEST_TOKEN");
  if (!isLoopback(bucketUrl ?? edgeUrl))
    needed.push("SKYWAVE_S3_ACCESS_KEY_ID", "SKYWAVE_S3_SECRET_ACCESS_KEY");
  for (const name of needed) {
    if (!env[name]) problems.push(`${name} must be set for an edge that SKYWAVE_EDGE_URL names (${edgeUrl})`);
  }
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."))
  );
}

function findStationFile(flags: Flags, base: string): string | undefined {
  if (flags.config !== undefined) return resolve(base, flags.config);
  const usual = resolve("station.toml");
  return existsSync(usual) ? usual : undefined;
}

function readStation(file: string | undefined, flags: Flags, problems: string[]): Station {
  if (file === undefined) return stationSchema.parse({});
  try {
    const folder = dirname(file);
    return parseStation(readFileSync(file, "utf8"), flags.config ?? "station.toml", (path) =>
      fileProblem(resolve(folder, path)),
    );
  } catch (error) {
    if (error instanceof ConfigError) problems.push(...error.problems);
    else if (error instanceof Error && "code" in error) {
      problems.push(`the station file cannot be read: ${error.message}`);
    } else throw error;
    return stationSchema.parse({});
  }
}

function fileProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) return "it is not a file";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface Sources {
  readonly flags: Flags;
  readonly station: Station;
  readonly stationFile: string | undefined;
  readonly secrets: Secrets;
  readonly dataDir: string;
  readonly env: Environment;
  readonly remote: Remote;
}

function combine({ flags, station, stationFile, secrets, dataDir, env, remote }: Sources): StackSettings {
  const host = flags.host ?? "127.0.0.1";
  const edgePort = flags.edgePort ?? station.edge.port;
  const edgeUrl = remote.edgeUrl ?? `http://${urlHost(reachable(host))}:${edgePort}`;
  const sourcePassword = env["SKYWAVE_SOURCE_PASSWORD"] || station.sources.password;
  const adminPassword = env["SKYWAVE_ADMIN_PASSWORD"] || station.admin.password;
  const port = flags.ingestPort ?? station.ingest.port;
  const { tls } = station.ingest;
  const { hostname } = station.station;
  // Relative paths in the station file start where the file is.
  const stationDir = dirname(stationFile ?? "");
  const ingest: IngestSettings = {
    host,
    port,
    shoutcastPort: above(port),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            port: tls.port,
            shoutcastPort: above(tls.port),
            certFile: resolve(stationDir, tls.cert),
            keyFile: resolve(stationDir, tls.key),
          },
        }),
    dataDir,
    ingestId: secrets.ingestId,
    edgeUrl,
    ingestToken: env["SKYWAVE_INGEST_TOKEN"] || secrets.ingestToken,
    storage: {
      bucketUrl: remote.bucketUrl ?? edgeUrl + localBucketPath,
      accessKeyId: env["SKYWAVE_S3_ACCESS_KEY_ID"] || secrets.s3AccessKeyId,
      secretAccessKey: env["SKYWAVE_S3_SECRET_ACCESS_KEY"] || secrets.s3SecretAccessKey,
    },
    sourcePassword: sourcePassword ?? secrets.sourcePassword,
    adminUser: "admin",
    adminPassword: adminPassword ?? secrets.adminPassword,
    edgeSecrets: noSecrets,
    mounts: ingestMounts(station),
    relays: [],
    directories: [],
    webhooks: [],
    shoutcastMount: station.ingest.shoutcast_mount,
    limits: {
      sources: station.limits.sources,
      connections: station.limits.connections,
      connectionsPerAddress: station.limits.connections_per_address,
      headerTimeoutMs: toMs(station.limits.header_timeout),
      sourceTimeoutMs: toMs(station.limits.source_timeout),
      segmentMs: toMs(station.limits.segment_seconds),
      burstMs: toMs(station.limits.burst_seconds),
      graceMs: toMs(station.limits.grace_seconds),
    },
  };
  return {
    dataDir,
    ...(stationFile === undefined ? {} : { stationFile }),
    host,
    edgePort,
    ingest,
    edge: edgeStation(station, {
      ingestHost: `${hostname === "localhost" ? urlHost(reachable(host)) : hostname}:${port}`,
      shoutcastPort: ingest.shoutcastPort,
    }),
    files: mountFiles(station, stationDir),
    tellsEdge: stationFile !== undefined || env["SKYWAVE_PUSH_STATION"] === "1",
    secrets,
    generatedSourcePassword: sourcePassword === undefined,
    generatedAdminPassword: adminPassword === undefined,
  };
}

function ingestMounts(station: Station): IngestSettings["mounts"] {
  return new Map(
    Object.entries(station.mounts).map(([mount, { username, password, grace_seconds, takeover }]) => [
      mount,
      {
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(grace_seconds === undefined ? {} : { graceMs: toMs(grace_seconds) }),
        ...(takeover === undefined ? {} : { takeover }),
      },
    ]),
  );
}

/** An address this machine reaches a listening address at. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** An address as it stands in a URL. */
export const urlHost = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

const above = (port: number): number => (port === 0 ? 0 : port + 1);
