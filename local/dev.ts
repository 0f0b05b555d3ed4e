import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { z } from "zod";
import { loadOrExit } from "../config/config-error.ts";
import { lockDataFolder } from "../config/data-lock.ts";
import { loadStackSettings, type StackSettings } from "../config/settings.ts";

/**
 * `npm run dev`: the worker under `wrangler dev`, reloaded on every change, on the same data folder and with the same
 * secrets as `npm start`. `npm run ingest` beside it finds it by itself.
 */
const root = join(import.meta.dirname, "..");

const wranglerFile = z.looseObject({
  r2_buckets: z.array(z.looseObject({ binding: z.string() })).default([]),
});

/**
 * wrangler.toml plus what is secret or particular to this machine, as JSON for `wrangler dev`. It must lie beside
 * wrangler.toml, whose paths it keeps.
 */
function developmentConfig(toml: string, { ingest, edge }: StackSettings): string {
  const config = wranglerFile.parse(getStaticTOMLValue(parseTOML(toml)));
  const { accessKeyId, secretAccessKey } = ingest.storage;
  return JSON.stringify(
    {
      ...config,
      r2_buckets: config.r2_buckets.map((bucket) => ({
        ...bucket,
        local_dev: { experimental_s3_credentials: { accessKeyId, secretAccessKey } },
      })),
      vars: { STATION: JSON.stringify(edge) },
    },
    null,
    2,
  );
}

/** Only its owner may read it, also when it was there before with other rights. */
function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
  if (process.platform !== "win32") chmodSync(file, 0o600);
}

function refuse(problem: string): never {
  process.stderr.write(`skywave cannot start: ${problem}\n`);
  process.exit(1);
}

const settings = loadOrExit(() => loadStackSettings(process.argv.slice(2), process.env));
// wrangler serves storage and its tools on the port of the worker, to whoever names it "localhost" in a header.
if (!["127.0.0.1", "::1", "localhost"].includes(settings.host)) {
  refuse("npm run dev serves this machine only; npm start takes --host");
}
if (!lockDataFolder(settings.dataDir, "stack"))
  refuse(`another station runs on the data folder ${settings.dataDir} (--data)`);

const configFile = join(root, "wrangler.dev.json");
writeSecret(configFile, developmentConfig(readFileSync(join(root, "wrangler.toml"), "utf8"), settings));

// wrangler prints variables of its configuration when it starts, those of such a file it hides.
const secretsFile = join(settings.dataDir, "dev.env");
writeSecret(secretsFile, `INGEST_TOKEN=${settings.ingest.ingestToken}\n`);

const wrangler = join(
  dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
  "bin",
  "wrangler.js",
);
const where = ["--ip", settings.host, "--port", String(settings.edgePort)];
const child = spawn(
  process.execPath,
  [
    wrangler,
    "dev",
    "--config",
    configFile,
    "--env-file",
    secretsFile,
    ...where,
    "--persist-to",
    join(settings.dataDir, "edge"),
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", ...process.env },
  },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code) => process.exit(code ?? 1));
