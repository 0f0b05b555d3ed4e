import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bucket } from "../bucket.ts";
import { freePorts } from "../free-port.ts";
import type { Stack } from "../stack.ts";
import { waitFor } from "../wait.ts";

export interface IngestHostOptions {
  readonly stack: Stack;
  readonly bucket: Bucket;
  /** In place of the stack's own: proxies. */
  readonly edgeUrl: string;
  readonly bucketUrl: string;
  readonly stationFile: string;
  /** Called with the data folder before the first start; what it returns undoes it when the host is gone for good. */
  readonly prepare?: (dataDir: string) => () => void;
}

const script = join(import.meta.dirname, "..", "..", "..", "ingest", "main.ts");
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** An ingest host beside the stack's own, which can die and come back on its folder and port. */
export class IngestHost {
  readonly port: number;
  readonly dataDir: string;
  readonly #options: IngestHostOptions;
  #child: ChildProcess | null = null;
  #output = "";
  #undo: (() => void) | undefined;

  private constructor(options: IngestHostOptions, port: number) {
    this.#options = options;
    this.port = port;
    this.dataDir = mkdtempSync(join(tmpdir(), "skywave-chaos-"));
  }

  static async open(options: IngestHostOptions): Promise<IngestHost> {
    const host = new IngestHost(options, await freePorts(2));
    mkdirSync(host.dataDir, { recursive: true });
    host.#undo = options.prepare?.(host.dataDir);
    await host.start();
    return host;
  }

  /** Everything logged so far. */
  get log(): string {
    return this.#output;
  }

  async start(): Promise<void> {
    const { stack, bucket, edgeUrl, bucketUrl, stationFile } = this.#options;
    const flags = ["--data", this.dataDir, "--ingest-port", `${this.port}`, "--config", stationFile];
    const child = spawn(process.execPath, [script, ...flags], {
      env: {
        ...process.env,
        SKYWAVE_EDGE_URL: edgeUrl,
        SKYWAVE_S3_URL: bucketUrl,
        SKYWAVE_INGEST_TOKEN: stack.ingestToken,
        SKYWAVE_S3_ACCESS_KEY_ID: bucket.accessKeyId,
        SKYWAVE_S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
        SKYWAVE_SOURCE_PASSWORD: stack.password,
        SKYWAVE_ADMIN_PASSWORD: stack.adminPassword,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#child = child;
    const from = this.#output.length;
    child.stdout.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    await waitFor(
      "an ingest host to listen",
      () => {
        if (child.exitCode !== null)
          throw new Error(`the ingest ended with ${child.exitCode}\n${this.#output}`);
        return this.#output.slice(from).includes("listening for sources");
      },
      20_000,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends it for good, and removes its folder. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await ended;
    }
    this.#undo?.();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
