import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { wholeHealthEvery } from "../../local/limits.ts";
import type { LogLine } from "../../local/log.ts";
import { probe } from "../../local/probe.ts";
import { Supervised } from "../../local/supervised.ts";
import { freePorts } from "../support/free-port.ts";
import { waitFor } from "../support/wait.ts";

vi.mock("../../local/limits.ts", async (original) => ({
  ...(await original<object>()),
  healthIntervalMs: 20,
  healthTimeoutMs: 200,
  restartDelayMs: { first: 10, last: 50 },
}));

let port: number;
let folder: string;
let lines: LogLine[];
const open: Supervised[] = [];
const servers: Server[] = [];
beforeEach(async () => {
  port = await freePorts();
  folder = mkdtempSync(join(tmpdir(), "skywave-supervised-"));
  lines = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.stop(0)));
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

const said = (text: string) => lines.filter(({ msg }) => msg.includes(text));

/** Runs a program in which `server` answers 200 on the port and `file` is a path of the test's own. */
function supervise(program: string): Supervised {
  const start = `
    const { existsSync, writeFileSync } = require("node:fs");
    const file = ${JSON.stringify(join(folder, "file"))};
    const server = require("node:http").createServer((_, response) => response.end());
    const listen = () => server.listen(${port}, "127.0.0.1");
    ${program}`;
  const supervised = new Supervised({
    name: "part",
    command: process.execPath,
    args: ["-e", start],
    env: process.env,
    healthUrl: `http://127.0.0.1:${port}/health`,
    log: (line) => lines.push(line),
  });
  open.push(supervised);
  supervised.start();
  return supervised;
}

describe("a look at a process", () => {
  const url = () => `http://127.0.0.1:${port}/health`;
  const serve = (onConnection: Parameters<typeof createServer>[1]) =>
    new Promise<void>((resolve) => {
      const server = createServer(onConnection);
      servers.push(server);
      server.listen(port, "127.0.0.1", resolve);
    });

  it("shows life in a connection that is closed or reset unheard", async () => {
    let reset = false;
    await serve((socket) => (reset ? socket.resetAndDestroy() : socket.destroy()));
    expect(await probe(url())).toBe("alive");
    reset = true;
    expect(await probe(url())).toBe("alive");
  });

  it("shows none where nobody listens and where no answer comes in time", async () => {
    expect(await probe(url())).toBe("none");
    await serve((socket) => socket.resume().on("error", () => undefined));
    expect(await probe(url())).toBe("none");
  });
});

describe("a supervised process", () => {
  it("is left to finish its work when it stops, though it no longer listens", async () => {
    const supervised = supervise(`
      listen();
      process.once("SIGTERM", () => {
        server.close();
        server.closeAllConnections();
        setTimeout(() => { writeFileSync(file, ""); process.exit(0); }, 1000);
      });`);
    await supervised.ready;
    expect(await supervised.stop(10_000)).toBe(true);
    expect(said("does not answer")).toEqual([]);
  });

  it("has not stopped properly when its exit code says so", async () => {
    const supervised = supervise(`listen(); process.once("SIGTERM", () => process.exit(1));`);
    await supervised.ready;
    expect(await supervised.stop(10_000)).toBe(false);
  });

  it("is asked for more than a sign of life until it is ready, and now and then", async () => {
    const supervised = supervise(`
      const { appendFileSync } = require("node:fs");
      let asked = 0;
      server.removeAllListeners("request");
      server.on("request", ({ url }, response) => {
        appendFileSync(file, url + " ");
        response.statusCode = ++asked < 3 ? 503 : 200;
        response.end();
      });
      listen();`);
    await supervised.ready;
    const asked = (): string[] => readFileSync(join(folder, "file"), "utf8").trim().split(" ");
    await waitFor("some looks", () => asked().length > 3 + 2 * wholeHealthEvery);
    const [whole, alive] = ["/health", "/health?alive"];
    const round = [...Array.from({ length: wholeHealthEvery - 1 }, () => alive), whole];
    expect(asked().slice(0, 3 + round.length * 2)).toEqual([whole, whole, whole, ...round, ...round]);
    expect(said("does not answer")).toEqual([]);
  });

  it("is replaced when it shows life and answers nothing else", async () => {
    const supervised = supervise(`
      let hangs = false;
      server.removeAllListeners("request");
      server.on("request", ({ url }, response) => {
        if (url === "/health?alive") hangs = true;
        if (url === "/health?alive" || !hangs) response.end();
      });
      listen();`);
    await supervised.ready;
    await waitFor("the part to be replaced", () => said("does not answer, replacing it").length > 0);
  });

  it("is replaced at once when that is asked for, after it has finished its work", async () => {
    const supervised = supervise(`
      listen();
      process.once("SIGTERM", () => {
        server.close();
        setTimeout(() => (writeFileSync(file, "done"), process.exit(0)), 300);
      });`);
    await supervised.ready;
    await supervised.restart(10_000);
    expect(existsSync(join(folder, "file"))).toBe(true);
    await waitFor("the part to be back", async () => (await probe(`http://127.0.0.1:${port}/`)) === "ready");
    expect(said("started")).toHaveLength(2);
    expect([...said("starting again"), ...said("does not answer"), ...said("not stop")]).toEqual([]);
    expect(await supervised.stop(10_000)).toBe(true);
    expect(said("started")).toHaveLength(2);
  });

  it("is hopeless when it refuses its configuration at the first start", async () => {
    await expect(supervise("process.exit(2);").hopeless).rejects.toThrow("part refuses its configuration");
  });

  it("is started again and again when it refuses its configuration only later", async () => {
    const supervised = supervise(`
      if (existsSync(file)) process.exit(2);
      writeFileSync(file, "");
      listen();
      process.once("SIGUSR2", () => process.exit(0));`);
    let hopeless = false;
    supervised.hopeless.catch(() => (hopeless = true));
    await supervised.ready;
    process.kill(Number(said("started")[0]?.["process"]), "SIGUSR2");
    await waitFor(
      "another start after exit 2",
      () => said("starting again").filter(({ ending }) => ending === 2).length > 1,
    );
    expect(hopeless).toBe(false);
    rmSync(join(folder, "file"));
    await waitFor("the part to be back", async () => (await probe(`http://127.0.0.1:${port}/`)) === "ready");
  });
});
