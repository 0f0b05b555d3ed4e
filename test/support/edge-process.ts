import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { localBucketPath } from "../../config/ingest-of-station.ts";
import { loadStackSettings } from "../../config/settings.ts";
import { freePorts } from "./free-port.ts";
import { waitFor } from "./wait.ts";

/** The edge with its storage, and nothing beside it: no ingest runs. */
export interface EdgeProcess {
  readonly url: string;
  readonly port: number;
  /** Everything logged so far. */
  log(): string;
  put: PutObject;
  /** Every key with its ETag, in order. */
  list(): Promise<string[]>;
  stop(): Promise<void>;
}

export type PutObject = (
  key: string,
  body: Uint8Array<ArrayBuffer> | string,
  metadata?: Readonly<Record<string, string>>,
) => Promise<void>;

/** Puts objects into the bucket behind a local S3 endpoint. */
export function putInto(url: string, client: AwsClient): PutObject {
  return async (key, body, metadata = {}) => {
    const headers = Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    );
    const response = await client.fetch(`${url}/${key}`, { method: "PUT", body, headers });
    if (!response.ok) throw new Error(`${key} cannot be put: ${response.status} ${await response.text()}`);
  };
}

const root = join(import.meta.dirname, "..", "..");

/** Starts one with state of its own. Rejects with its log when it is not ready in time. */
export async function startEdge(station: string): Promise<EdgeProcess> {
  const folder = mkdtempSync(join(tmpdir(), "skywave-edge-"));
  const stationFile = join(folder, "station.toml");
  writeFileSync(stationFile, station);
  const port = await freePorts(2);
  const flags = ["--data", folder, "--config", stationFile, "--edge-port", `${port}`];
  const child = spawn(process.execPath, [join(root, "local", "edge.ts"), ...flags], {
    cwd: root,
    env: { ...process.env, SKYWAVE_LOG: "json", SKYWAVE_STORAGE_PORT: `${port + 1}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endWithTest = () => child.kill("SIGKILL");
  process.once("exit", endWithTest);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  void exited.then(() => process.off("exit", endWithTest));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      waitFor("the edge to be ready", () => output.includes("edge is ready"), 40_000),
      exited.then(() => Promise.reject(new Error("the edge has ended"))),
    ]);
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output}`, { cause: error });
  }
  const { storage } = loadStackSettings(["--data", folder], {}).ingest;
  const { accessKeyId, secretAccessKey } = storage;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto" });
  const bucketUrl = `http://127.0.0.1:${port + 1}${localBucketPath}`;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    log: () => output,
    put: putInto(bucketUrl, client),
    async list() {
      const response = await client.fetch(`${bucketUrl}?list-type=2`);
      const xml = await response.text();
      if (!response.ok || xml.includes("<IsTruncated>true")) throw new Error(`not one list: ${xml}`);
      return [...xml.matchAll(/<Key>([^<]*)<\/Key>.*?<ETag>([^<]*)<\/ETag>/gs)].map(
        ([, key, etag]) => `${key} ${etag}`,
      );
    },
    stop,
  };
}
