import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, MiniflareCoreError } from "miniflare";
import { loadOrExit } from "../config/config-error.ts";
import { loadStackSettings, type StackSettings } from "../config/settings.ts";
import { bundleWorker } from "./edge-bundle.ts";
import { EdgeLog, writeLine, writeRuntimeLine } from "./edge-log.ts";
import { level } from "./log.ts";
import { readWranglerConfig } from "./wrangler-config.ts";

/**
 * The edge of the local stack: the worker of `wrangler.toml` in the Workers runtime, storage and objects on disk.
 *
 * Two sockets. Listeners connect to one that leads straight to the worker. The other is the runtime's own entry with
 * the S3 endpoint and its tools under /cdn-cgi/; it trusts whoever names it "localhost" in a Host header, so it
 * listens on loopback alone, on the port in SKYWAVE_STORAGE_PORT.
 */
const root = join(import.meta.dirname, "..");

async function openEdge(settings: StackSettings, storagePort: number): Promise<Miniflare> {
  const config = readWranglerConfig(join(root, "wrangler.toml"));
  const sqliteClasses = config.migrations.flatMap((migration) => migration.new_sqlite_classes);
  const script = await bundleWorker({
    root,
    main: config.main,
    textGlobs: config.rules.filter((rule) => rule.type === "Text").flatMap((rule) => rule.globs),
  });
  const { accessKeyId, secretAccessKey } = settings.ingest.storage;
  return new Miniflare(
    convertV4MiniflareOptions({
      name: config.name,
      modules: true,
      script,
      scriptPath: "worker.js",
      compatibilityDate: config.compatibility_date,
      compatibilityFlags: config.compatibility_flags,
      bindings: {
        INGEST_TOKEN: settings.ingest.ingestToken,
        STATION: JSON.stringify(settings.edge),
        REACHED_DIRECTLY: "1",
        // One isolate has nobody to share with: only for trying it out.
        ...(process.env["SKYWAVE_SEGMENT_CACHE"] ? { SEGMENT_CACHE: "1" } : {}),
      },
      durableObjects: Object.fromEntries(
        config.durable_objects.bindings.map(({ name, class_name }) => [
          name,
          { className: class_name, useSQLite: sqliteClasses.includes(class_name) },
        ]),
      ),
      r2Buckets: Object.fromEntries(
        config.r2_buckets.map(({ binding, bucket_name }) => [
          binding,
          { id: bucket_name, s3Credentials: { accessKeyId, secretAccessKey } },
        ]),
      ),
      // Where `wrangler dev --persist-to <data>/edge` keeps them too. The options per kind that older releases of
      // miniflare had are accepted and ignored.
      resourcePersistencePath: join(settings.dataDir, "edge", "v3"),
      host: "127.0.0.1",
      port: storagePort,
      unsafeDirectSockets: [{ host: settings.host, port: settings.edgePort }],
      // Nothing of a request's location is known here; without this it would be asked for on the internet.
      cf: false,
      log: new EdgeLog(leaveWithoutRuntime),
      handleStructuredLogs: writeRuntimeLine,
      unsafeHandleRuntimeRestart: () => writeLine({ level: level.warn, msg: "the runtime is back" }),
    }),
  );
}

/**
 * Miniflare starts a runtime that died again by itself, at once and on the same ports. When that fails nobody serves the
 * listeners any more and nothing tries again, so this process ends for its supervisor to start it anew.
 */
function leaveWithoutRuntime(error: Error): void {
  if (error instanceof MiniflareCoreError && error.code === "ERR_RUNTIME_FAILURE") process.exit(1);
}

const settings = loadOrExit(() => loadStackSettings(process.argv.slice(2), process.env));
const storagePort = Number(process.env["SKYWAVE_STORAGE_PORT"] ?? 0);
try {
  const edge = await openEdge(settings, storagePort);
  const close = () => void edge.dispose().finally(() => process.exit(0));
  process.once("SIGTERM", close);
  process.once("SIGINT", close);
  await edge.ready;
  // Bundling and starting leave 200 MB of garbage, which a process that then idles would keep for hours.
  globalThis.gc?.();
  writeLine({ level: level.info, msg: "edge is ready", port: settings.edgePort });
} catch (error) {
  writeLine({ level: level.fatal, msg: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
