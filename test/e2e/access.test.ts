import * as http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressTries } from "../../worker/access/limits.ts";
import { type LoopSource, loopSource } from "../support/loop-source.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/** Logins, forged requests and what is kept of both, on the real runtime. */
const live = "/live.mp3";
const vip = "/vip.mp3";
const station = `[sources]
password = "station-pw"
[admin]
user = "ada"
password = "ada-pw"
[mounts."${vip}"]
listener_auth = { type = "htpasswd", file = "members.htpasswd" }
`;
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

interface Asked {
  readonly method?: string;
  readonly login?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Where the request comes from: an address of this machine. */
  readonly from?: string;
}

/** The reply, or the beginning of one that has no end. */
function ask(
  port: number,
  path: string,
  { method = "GET", login, headers = {}, body, from = "127.0.0.1" }: Asked = {},
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: "127.0.0.1",
      port,
      path,
      method,
      localAddress: from,
      agent: false,
      headers: {
        ...headers,
        ...(login !== undefined && { Authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
      },
    });
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      const done = () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        request.destroy();
      };
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        if (text.length > 16_384) done();
      });
      response.once("end", done);
      response.once("error", done);
    });
    request.end(body);
  });
}

describe("access to the station", () => {
  let stack: Stack;
  let source: LoopSource;
  const admin = { login: "ada:ada-pw" };

  beforeAll(async () => {
    stack = await startStation(station);
    source = await loopSource(stack, live, "station-pw");
    await loopSource(stack, vip, "station-pw");
    await waitFor("the mounts to be listed", async () => {
      const { body } = await ask(stack.ingestPort, "/admin/streamlist.txt", admin);
      return body.includes(live) && body.includes(vip);
    });
  });
  afterAll(() => stack.stop());

  it("is slowed for who guesses, and for nobody else", async () => {
    const from = "127.0.0.66";
    const statuses: number[] = [];
    for (let at = 0; at <= addressTries.free + 1; at++) {
      statuses.push((await ask(stack.ingestPort, "/admin/stats", { login: `ada:guess ${at}`, from })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: addressTries.free + 1 }, () => 401), 429]);
    const told = await ask(stack.ingestPort, "/admin/stats", { login: "bob:guess", from });
    expect(told.status).toBe(429);
    expect(Number(told.headers["retry-after"])).toBeGreaterThan(0);
    expect(told.headers["www-authenticate"]).toBeUndefined();
    expect((await ask(stack.ingestPort, "/admin/stats", admin)).status).toBe(200);
    expect((await ask(stack.edgePort, "/admin/stats", admin)).status).toBe(200);
  });

  it("is open to who has logged in before, though sixty others guess at the account", async () => {
    for (let at = 0; at < 60; at++) {
      await ask(stack.ingestPort, "/admin/stats", { login: `ada:more ${at}`, from: `127.0.1.${at + 1}` });
    }
    const stranger = await ask(stack.ingestPort, "/admin/stats", { login: "ada:x", from: "127.0.2.1" });
    expect(stranger.status).toBe(429);
    expect((await ask(stack.ingestPort, "/admin/stats", admin)).status).toBe(200);
  });

  it("lets in a listener whom an administrator has added, until it is deleted", async () => {
    const listener = { login: "anna:anna-pw" };
    expect((await ask(stack.edgePort, vip, listener)).status).toBe(401);
    const add = `/admin/manageauth?mount=${vip}&action=add&username=anna&password=anna-pw`;
    expect((await ask(stack.ingestPort, add, admin)).body).toContain("<message>User added</message>");
    expect((await ask(stack.edgePort, vip, listener)).status).toBe(200);
    expect((await ask(stack.ingestPort, vip, listener)).status).toBe(200);
    const away = `/admin/manageauth?mount=${vip}&action=delete&username=anna`;
    expect((await ask(stack.ingestPort, away, admin)).body).toContain("<message>User deleted</message>");
    expect((await ask(stack.edgePort, vip, listener)).status).toBe(401);
  });

  it("takes no command from a browser that another site has led here, but from its user", async () => {
    const command = `/admin/killsource?mount=${live}`;
    const browser = { ...admin, headers: { "User-Agent": firefox, Accept: "text/html" } };
    const page = await ask(stack.ingestPort, command, browser);
    expect(page.headers["x-frame-options"]).toBe("DENY");
    const forged = { ...browser, method: "POST", body: "csrf=guess" };
    const form = { "Content-Type": "application/x-www-form-urlencoded", Origin: "http://evil.example" };
    const headers = { ...browser.headers, ...form };
    expect((await ask(stack.ingestPort, command, { ...forged, headers })).status).toBe(403);
    expect(source.isOpen()).toBe(true);

    const token = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? "";
    const sent = { ...admin, method: "POST", headers, body: `csrf=${encodeURIComponent(token)}` };
    expect((await ask(stack.ingestPort, command, sent)).body).toContain("Source Removed");
    await waitFor("the source to be sent away", () => !source.isOpen());
  });

  it("is written down, without secrets and over a restart", async () => {
    const before = await ask(stack.ingestPort, "/api/v1/audit", admin);
    const { entries } = JSON.parse(before.body) as {
      entries: { action: string; user: string; address: string }[];
    };
    expect(entries.map(({ action }) => action)).toEqual(["killsource", "manageauth", "manageauth"]);
    expect(entries.map(({ user }) => user)).toEqual(["ada", "ada", "ada"]);
    expect(entries[0]?.address).toBe("127.0.0.1");
    expect(before.body).not.toContain("-pw");
    const killed = stack.kill("edge");
    await waitFor("the edge to be back", async () => {
      if (stack.pidOf("edge") === killed) return false;
      const reply = await ask(stack.ingestPort, "/api/v1/audit", admin).catch(() => undefined);
      return reply?.status === 200 && reply.body === before.body;
    });
  });
});
