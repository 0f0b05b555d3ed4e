import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { claimReplySchema, ingestApiPrefix } from "../../shared/edge-api.ts";
import { freePorts } from "../support/free-port.ts";
import { processTree } from "../support/processes.ts";
import { type Stack, type StackPart, startStack, waitUntilGone } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

const open: Stack[] = [];
const start = async (...options: Parameters<typeof startStack>) => {
  const stack = await startStack(...options);
  open.push(stack);
  return stack;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((stack) => stack.stop()));
});

const answers200 = async (url: string) => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
};

describe("the local stack", () => {
  it("brings back whichever part is killed, under a new process id", async () => {
    const stack = await start();
    const parts: [StackPart, string][] = [
      ["edge", stack.edgeUrl],
      ["workerd", stack.edgeUrl],
      ["ingest", stack.ingestUrl],
    ];
    for (const [part, url] of parts) {
      const before = stack.kill(part);
      await waitUntilGone([before]);
      await waitFor(`${part} to be back`, () => stack.pidOf(part) ?? false, 20_000);
      await waitFor(`${part} to answer`, () => answers200(`${url}/health`), 20_000);
      expect(stack.pidOf(part)).not.toBe(before);
    }
    const runtimes = processTree(stack.pid).filter(({ command }) => /workerd[^ ]* serve/.test(command));
    expect(runtimes).toHaveLength(1);
  });

  it("replaces a part that hangs", async () => {
    const stack = await start();
    const before = stack.kill("workerd", "SIGSTOP");
    await waitUntilGone([before], 25_000);
    await waitFor("the edge to answer", () => answers200(`${stack.edgeUrl}/health`), 20_000);
    expect(stack.log()).toContain("does not answer, replacing it");
  });

  it.each(["SIGTERM", "SIGINT"] as const)("exits 0 on %s and leaves no process behind", async (signal) => {
    const stack = await start();
    const pids = processTree(stack.pid).map(({ pid }) => pid);
    expect(pids.length).toBeGreaterThanOrEqual(4);
    expect(await stack.end(signal)).toBe(0);
    await waitUntilGone(pids, 1000);
  });

  it("leaves no process behind when it is killed itself", async () => {
    const stack = await start();
    const pids = processTree(stack.pid).map(({ pid }) => pid);
    await stack.end("SIGKILL");
    await expect(waitUntilGone(pids)).resolves.toBeUndefined();
  });

  it("goes on where it was on the same folder, after it was killed", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "skywave-"));
    try {
      const first = await start({ dataDir });
      expect(await claimedEpoch(first)).toBe(1);
      const pids = processTree(first.pid).map(({ pid }) => pid);
      await first.end("SIGKILL");
      await waitUntilGone(pids);
      const second = await start({ dataDir, edgePort: first.edgePort, ingestPort: first.ingestPort });
      expect(second.password).toBe(first.password);
      expect(await claimedEpoch(second)).toBe(2);
    } finally {
      await Promise.all(open.splice(0).map((stack) => stack.stop()));
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it("names every port that is in use, with its flag, and exits 1", async () => {
    const port = await freePorts(3);
    const blockers = [port, port + 1].map((each) => createServer().listen(each, "127.0.0.1"));
    try {
      const { code, output } = await runToEnd(["--edge-port", `${port}`, "--ingest-port", `${port + 1}`]);
      expect(output).toContain(`port ${port} (listeners, --edge-port) is in use`);
      expect(output).toContain(`port ${port + 1} (sources, --ingest-port) is in use`);
      expect(code).toBe(1);
    } finally {
      for (const blocker of blockers) blocker.close();
    }
  });

  it("refuses a data folder that another station runs on", async () => {
    const stack = await start();
    const port = await freePorts(3);
    const { code, output } = await runToEnd(
      ["--edge-port", `${port}`, "--ingest-port", `${port + 1}`],
      stack.dataDir,
    );
    expect(output).toContain("another station runs on the data folder");
    expect(code).toBe(1);
  });

  it("answers nothing under /cdn-cgi/ on an open port, whatever host is named", async () => {
    const stack = await start({ host: "0.0.0.0" });
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal)?.address;
    for (const address of outside === undefined ? ["127.0.0.1"] : ["127.0.0.1", outside]) {
      for (const path of ["/cdn-cgi/local/r2/s3/skywave-segments?list-type=2", "/cdn-cgi/local/explorer"]) {
        for (const host of [`${address}:${stack.edgePort}`, "localhost", "127.0.0.1"]) {
          const response = await fetch(`http://${address}:${stack.edgePort}${path}`, { headers: { host } });
          expect(response.status, `${address} ${host} ${path}`).toBe(404);
        }
      }
    }
  });
});

/** Takes a mount as the ingest host would; the epoch it got. */
async function claimedEpoch(stack: Stack): Promise<number> {
  const response = await fetch(`${stack.edgeUrl}${ingestApiPrefix}/claim`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.ingestToken}`, "content-type": "application/json" },
    body: JSON.stringify({
      mount: "/live.mp3",
      ingest: "test",
      source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT" },
      credential: "test",
      takeover: "never",
      policy: { segmentMs: 2_000, graceMs: 15_000 },
    }),
  });
  expect(response.status).toBe(200);
  return claimReplySchema.parse(await response.json()).epoch;
}

/** Runs a start that ends by itself. */
async function runToEnd(
  flags: readonly string[],
  dataDir?: string,
): Promise<{ code: number | null; output: string }> {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), "skywave-"));
  const script = join(import.meta.dirname, "..", "..", "local", "start.ts");
  const child = spawn(process.execPath, [script, "--data", folder, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (dataDir === undefined) rmSync(folder, { recursive: true, force: true });
  return { code, output };
}
