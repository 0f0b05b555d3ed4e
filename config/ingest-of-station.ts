import { join } from "node:path";
import { autodjSettings } from "./autodj-of-station.ts";
import { edgeSecrets } from "./edge-secrets.ts";
import type { Environment } from "./environment.ts";
import { ingestMounts, relaySettings } from "./ingest-mounts.ts";
import type { IngestSettings, LogSettings, MasterSettings } from "./ingest-settings.ts";
import { above } from "./listening.ts";
import type { Secrets } from "./secrets.ts";
import type { Station } from "./station.ts";
import { defined, toMs, withoutLogin } from "./values.ts";

/** Path of the bucket under the S3 endpoint that a local edge runtime serves to loopback. */
export const localBucketPath = "/cdn-cgi/local/r2/s3/skywave-segments";

interface Given {
  readonly host: string;
  readonly port: number;
  readonly edgeUrl: string;
  readonly bucketUrl: string | undefined;
  readonly dataDir: string;
  readonly secrets: Secrets;
  readonly env: Environment;
  /** An absolute path from one in the station file. */
  readonly resolve: (path: string) => string;
}

/** The settings of an ingest process; the environment comes before the station file. */
export function ingestSettings(station: Station, given: Given): IngestSettings {
  const { host, port, edgeUrl, dataDir, secrets, env, resolve } = given;
  const { ingest, limits } = station;
  const ingestToken = env["SKYWAVE_INGEST_TOKEN"] || secrets.ingestToken;
  const adminPassword = env["SKYWAVE_ADMIN_PASSWORD"] || station.admin.password || secrets.adminPassword;
  const optional = {
    tls: tlsSettings(ingest.tls, resolve),
    master: masterSettings(station.master),
    logs: logSettings(station.logs, { dataDir, resolve }),
    webroot: resolved(station.web.root, resolve),
    denyFile: resolved(station.bans.deny_file, resolve),
    allowFile: resolved(station.bans.allow_file, resolve),
  };
  return {
    host,
    port,
    shoutcastPort: ingest.shoutcast_port ?? above(port),
    dataDir,
    ingestId: secrets.ingestId,
    edgeUrl,
    ingestToken,
    storage: {
      bucketUrl: given.bucketUrl ?? edgeUrl + localBucketPath,
      accessKeyId: env["SKYWAVE_S3_ACCESS_KEY_ID"] || secrets.s3AccessKeyId,
      secretAccessKey: env["SKYWAVE_S3_SECRET_ACCESS_KEY"] || secrets.s3SecretAccessKey,
    },
    hostname: station.station.hostname,
    serverId: station.station.server_id,
    timeZone: station.station.time_zone,
    sourcePassword: env["SKYWAVE_SOURCE_PASSWORD"] || station.sources.password || secrets.sourcePassword,
    adminUser: station.admin.user,
    adminPassword,
    edgeSecrets: edgeSecrets(station, { adminPassword, ingestToken, resolve }),
    mounts: ingestMounts(station, { ingestToken, resolve }),
    shoutcastMount: ingest.shoutcast_mount,
    relays: relaySettings(station),
    autodjs: autodjSettings(station, resolve),
    directories: station.directory.map(({ url, timeout_seconds, touch_seconds }) => ({
      url,
      timeoutMs: toMs(timeout_seconds),
      touchMs: toMs(touch_seconds),
    })),
    webhooks: station.webhook.map(({ url, secret, events, mounts }) => ({
      url,
      secret: secret.replace(/^whsec_/, ""),
      events,
      ...defined({ mounts }),
    })),
    ...defined(optional),
    limits: {
      sources: limits.sources,
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
      headerTimeoutMs: toMs(limits.header_timeout),
      sourceTimeoutMs: toMs(limits.source_timeout),
      segmentMs: toMs(limits.segment_seconds),
      burstMs: toMs(limits.burst_seconds),
      graceMs: toMs(limits.grace_seconds),
    },
  };
}

type Resolve = Given["resolve"];

const resolved = (path: string | undefined, resolve: Resolve): string | undefined =>
  path === undefined ? undefined : resolve(path);

function tlsSettings(tls: Station["ingest"]["tls"], resolve: Resolve): IngestSettings["tls"] {
  if (tls === undefined) return undefined;
  return {
    port: tls.port,
    shoutcastPort: tls.shoutcast_port ?? above(tls.port),
    certFile: resolve(tls.cert),
    keyFile: resolve(tls.key),
  };
}

function masterSettings(master: Station["master"]): MasterSettings | undefined {
  if (master === undefined) return undefined;
  const { username, password, update_seconds, on_demand } = master;
  const { url, ...login } = withoutLogin(master.url) ?? { url: master.url };
  return {
    username,
    password,
    ...login,
    url: url.replace(/\/+$/, ""),
    updateMs: toMs(update_seconds),
    onDemand: on_demand,
  };
}

/** Nothing is written unless a log has a name. */
function logSettings(
  { folder, access, playlist, max_kilobytes, archive }: Station["logs"],
  { dataDir, resolve }: Pick<Given, "dataDir" | "resolve">,
): LogSettings | undefined {
  if (access === undefined && playlist === undefined) return undefined;
  return {
    folder: folder === undefined ? join(dataDir, "logs") : resolve(folder),
    ...defined({ access, playlist }),
    maxBytes: max_kilobytes * 1024,
    archive,
  };
}
