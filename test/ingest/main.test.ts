import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeEdge } from "./fake-edge.ts";
import { basic, Client, eventually, frames } from "./running-ingest.ts";

const main = fileURLToPath(new URL("../../ingest/main.ts", import.meta.url));
const edge = new FakeEdge();
let folder: string;
let child: ChildProcess;
let output = "";
const others: ChildProcess[] = [];

beforeEach(async () => {
  await edge.open();
  folder = mkdtempSync(join(tmpdir(), "skywave-ingest-"));
  output = "";
});
afterEach(async () => {
  for (const each of [child, ...others.splice(0)]) each.kill("SIGKILL");
  rmSync(folder, { recursive: true });
  await edge.close();
});

/** The process as `npm run ingest` starts it, against the fake edge. */
function start(...flags: string[]): void {
  child = spawn(process.execPath, [main, "--data", folder, ...flags], {
    env: {
      ...process.env,
      SKYWAVE_EDGE_URL: edge.url,
      SKYWAVE_INGEST_TOKEN: edge.token,
      SKYWAVE_S3_URL: `${edge.url}/bucket`,
      SKYWAVE_SOURCE_PASSWORD: "pw",
    },
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
}

async function exitCode(): Promise<number | null> {
  if (child.exitCode === null) await once(child, "exit");
  return child.exitCode;
}

const listening = async (): Promise<number> => {
  await eventually(() => output.includes("listening for sources"));
  return Number(/"port":(\d+)/.exec(output)?.[1]);
};

test("SIGTERM flushes the open segment, publishes it, releases the mount and exits 0", async () => {
  start("--ingest-port", "0");
  const client = new Client(await listening());
  client.send(`SOURCE /m HTTP/1.0\r\n${basic("source", "pw")}\r\n`);
  await client.until(/200 OK/);
  client.send(frames(20));
  await eventually(() => output.includes("first frame"));
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);
  const bodies = [...edge.objects.values()].map(({ body }) => body);
  expect(Buffer.concat(bodies).equals(frames(20))).toBe(true);
  expect(edge.calls.at(-1)).toBe("release /m");
});

test("a port in use ends the process with 2 and a message that names the flag", async () => {
  const other = new FakeEdge();
  await other.open();
  const port = new URL(other.url).port;
  start("--ingest-port", port);
  expect(await exitCode()).toBe(2);
  expect(output).toContain(`cannot listen on 127.0.0.1:${port} (--ingest-port)`);
  await other.close();
});

test("every problem of the configuration is shown at once, and the process ends with 2", async () => {
  start("--ingest-prot", "1", "--ingest-port", "many");
  expect(await exitCode()).toBe(2);
  expect(output).toContain("--ingest-prot is not a known flag");
  expect(output).toContain("--ingest-port must be a port");
});

/** The process started so far goes on beside the next one. */
function keep(): ChildProcess {
  const kept = child;
  others.push(kept);
  output = "";
  return kept;
}

test("a second ingest on the same data folder ends with 2, naming the folder and the flag; the first goes on", async () => {
  start("--ingest-port", "0");
  const client = new Client(await listening());
  client.send(`SOURCE /m HTTP/1.0\r\n${basic("source", "pw")}\r\n`);
  await client.until(/200 OK/);
  const first = keep();
  start("--ingest-port", "0");
  expect(await exitCode()).toBe(2);
  expect(output).toContain(`another ingest runs on the data folder ${folder}`);
  expect(output).toContain("--data");
  expect(output).not.toContain("listening for sources");
  expect(first.exitCode).toBeNull();
  client.send(frames(40));
  await eventually(() => edge.announcements.length > 0);
}, 20_000);

test.for(["SIGTERM", "SIGKILL"] as const)(
  "an ingest that comes while an earlier one has the data folder begins when that one ends (%s)",
  async (signal) => {
    start("--ingest-port", "0");
    await listening();
    const first = keep();
    start("--ingest-port", "0");
    await eventually(() => output.includes("waiting for it to end"));
    first.kill(signal);
    await listening();
    child.kill("SIGTERM");
    expect(await exitCode()).toBe(0);
  },
);

test("an ingest that waits for the data folder ends at once when it is asked to", async () => {
  start("--ingest-port", "0");
  await listening();
  keep();
  start("--ingest-port", "0");
  await eventually(() => output.includes("waiting for it to end"));
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);
});
