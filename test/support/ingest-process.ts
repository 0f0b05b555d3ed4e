import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bucket } from "./bucket.ts";
import { freePorts } from "./free-port.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

/** An ingest that runs by itself, beside a stack whose edge and storage it uses. */
export interface IngestProcess {
  readonly port: number;
  readonly url: string;
  readonly password: string;
  readonly adminPassword: string;
  readonly pid: number;
  /** Everything logged so far, a JSON object per line. */
  log(): string;
  /** Sends a signal and resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Where it keeps what outlives it. */
  readonly dataDir: string;
  /** Ends it if it runs, and removes its folder unless that was given. */
  stop(): Promise<void>;
}

export interface IngestProcessOptions {
  readonly stack: Pick<Stack, "ingestToken">;
  readonly bucket: Pick<Bucket, "accessKeyId" | "secretAccessKey">;
  readonly edgeUrl: string;
  readonly bucketUrl: string;
  readonly password: string;
  readonly adminPassword: string;
  readonly stationFile?: string;
  /** One that is there already, and stays; otherwise a temporary one. */
  readonly dataDir?: string;
}

const script = join(import.meta.dirname, "..", "..", "ingest", "main.ts");

/** Starts `npm run ingest`, without npm, against any edge and bucket. Rejects with its log when it does not listen. */
export async function startIngest(options: IngestProcessOptions): Promise<IngestProcess> {
  const { stack, bucket, password, adminPassword } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "skywave-ingest-"));
  const port = await freePorts(2);
  const flags = ["--data", dataDir, "--ingest-port", `${port}`];
  if (options.stationFile !== undefined) flags.push("--config", options.stationFile);
  const child = spawn(process.execPath, [script, ...flags], {
    env: {
      ...process.env,
      SKYWAVE_EDGE_URL: options.edgeUrl,
      SKYWAVE_S3_URL: options.bucketUrl,
      SKYWAVE_INGEST_TOKEN: stack.ingestToken,
      SKYWAVE_S3_ACCESS_KEY_ID: bucket.accessKeyId,
      SKYWAVE_S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
      SKYWAVE_SOURCE_PASSWORD: password,
      SKYWAVE_ADMIN_PASSWORD: adminPassword,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endWithTest = () => child.kill("SIGKILL");
  process.once("exit", endWithTest);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  void exited.then(() => process.off("exit", endWithTest));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const end = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  const stop = async () => {
    await end();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      waitFor("the ingest to listen", () => output.includes("listening for sources"), 20_000),
      exited.then((code) => {
        throw new Error(`the ingest ended with ${code}`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output}`, { cause: error });
  }
  const url = `http://127.0.0.1:${port}`;
  return { port, url, password, adminPassword, pid: child.pid ?? 0, dataDir, log: () => output, end, stop };
}
