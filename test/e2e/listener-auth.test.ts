import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { hashPassword } from "../../shared/password-hash.ts";
import { signListenUrl } from "../../shared/signed-url.ts";
import { type AuthPost, type AuthServer, startAuthServer } from "../support/auth-server.ts";
import { freePorts } from "../support/free-port.ts";
import { type Listening, listen } from "../support/listen.ts";
import { rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitForStatus } from "../support/status.ts";
import { type Streaming, streamMp3 } from "../support/stream-mp3.ts";
import { tellStation } from "../support/tell-station.ts";
import { waitFor } from "../support/wait.ts";

/** Who may listen, with a real authentication server and real players. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const run = promisify(execFile);
const signingKey = Buffer.alloc(32, 5).toString("base64url");
const basic = (login: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(login).toString("base64")}`,
});
const needsLogin = "You need to authenticate\r\n";

describe("listeners", () => {
  let stack: Stack;
  let server: AuthServer;
  const sources: Streaming[] = [];
  const open: Listening[] = [];
  /** Replies that the test answers itself, by a word in the mount's query. */
  const held: ServerResponse[] = [];
  let endlessEnded = false;

  function answer({ body, path }: AuthPost, response: ServerResponse): void {
    const says = (word: string): boolean => body.includes(`%3f${word}`);
    if (path === "/remove-fails" && server.posts.filter((post) => post.path === path).length === 1) {
      response.destroy();
      return;
    }
    if (says("slow") && body.startsWith("action=listener_add")) {
      held.push(response);
      return;
    }
    if (says("fail")) response.statusCode = 500;
    if (says("moved"))
      response.writeHead(302, { "Icecast-Auth-User": "1", Location: `${server.url}/elsewhere` });
    else if (!says("deny")) response.setHeader("ICECAST-AUTH-USER", "1");
    if (says("short")) response.setHeader("icecast-auth-timelimit", "2");
    if (says("nothing")) response.setHeader("icecast-auth-timelimit", "0");
    if (says("endless")) {
      const timer = setInterval(() => response.write("x".repeat(10_000)), 20);
      response.on("close", () => {
        clearInterval(timer);
        endlessEnded = true;
      });
      return;
    }
    response.end("whatever");
  }

  beforeAll(async () => {
    server = await startAuthServer(answer);
    const nobodyThere = await freePorts();
    stack = await startStack();
    const url = {
      kind: "url" as const,
      acceptHeader: { name: "icecast-auth-user", value: "1" },
      timelimitHeader: "icecast-auth-timelimit",
      listenerAdd: `${server.url}/add`,
      listenerRemove: `${server.url}/remove`,
    };
    const md5 = createHash("md5").update("p1").digest("hex");
    const users = [
      { name: "u1", hash: md5 },
      { name: "anna", hash: await hashPassword("grün:1") },
    ];
    await tellStation(
      stack,
      {
        hostname: "radio.example",
        ingestHost: "radio.example:18457",
        aliases: [{ source: "/asked", destination: "/url.mp3" }],
      },
      {
        signingKeys: [Buffer.alloc(32, 6).toString("base64url"), signingKey],
        listeners: {
          "/*": { auth: { ...url, listenerAdd: `http://127.0.0.1:${nobodyThere}/add` } },
          "/open.mp3": {},
          "/url.mp3": { auth: { ...url, headers: ["x-test", "referer"], headerPrefix: "ClientHeader." } },
          "/own.mp3": {
            auth: { ...url, username: "svc", password: "s3", listenerRemove: `${server.url}/remove-fails` },
          },
          "/users.mp3": { auth: { kind: "htpasswd", users, allowDuplicates: false } },
          "/signed.mp3": { signed: true },
          "/both.mp3": { signed: true, auth: { kind: "htpasswd", users } },
        },
      },
    );
    const { ingestPort, password } = stack;
    for (const mount of ["open", "url", "own", "users", "signed", "both", "dead"]) {
      sources.push(await streamMp3(ingestPort, `/${mount}.mp3`, fixture, { password, loop: true }));
    }
    await waitForStatus(stack, "/dead.mp3");
    await waitFor("sound on all", () => sources.every(({ sent }) => sent.length > 200));
  });
  afterAll(async () => {
    for (const each of open) each.close();
    for (const source of sources) source.destroy();
    await stack.stop();
    await server.close();
  });

  async function hear(
    path: string,
    headers: Record<string, string> = {},
    at = stack.edgeUrl,
  ): Promise<Listening> {
    const listening = await listen(at + path, { headers });
    open.push(listening);
    return listening;
  }
  async function refusal(path: string, headers: Record<string, string> = {}): Promise<string> {
    const refused = await hear(path, headers);
    await refused.ended;
    return `${refused.status} ${refused.bytes().toString()}`;
  }
  const postsOf = (word: string): AuthPost[] =>
    server.posts.filter(({ body }) => body.includes(`%3f${word}`));
  const clientOf = ({ body }: AuthPost): string => /&client=(\d+)&/.exec(body)?.[1] ?? "";

  describe("of a mount with an authentication server", () => {
    it("are told of in Icecast's bytes as they come and go", async () => {
      const listening = await hear(
        "/url.mp3?t=abc&lim=1",
        { ...basic("bob:ok"), "User-Agent": "UA/1", "X-Test": "yes", Referer: "http://r/" },
        stack.ingestUrl,
      );
      expect(listening.status).toBe(200);
      listening.close();
      await waitFor("the end to be told", () => postsOf("t%3dabc").length === 2);
      const [add, remove] = postsOf("t%3dabc");
      const client = add && clientOf(add);
      expect(client).toMatch(/^[1-9]\d*$/);
      const who = `server=radio%2eexample&port=18457&client=${client}&mount=%2furl%2emp3%3ft%3dabc%26lim%3d1&user=bob&pass=ok`;
      expect(add).toMatchObject({
        path: "/add",
        body: `action=listener_add&${who}&ip=127%2e0%2e0%2e1&agent=UA%2f1&ClientHeader.x-test=yes&ClientHeader.referer=http%3a%2f%2fr%2f`,
        headers: {
          authorization: "Basic Ym9iOm9r",
          "user-agent": "Icecast 2.4.4",
          "content-type": "application/x-www-form-urlencoded",
          accept: "*/*",
        },
      });
      expect(remove?.path).toBe("/remove");
      expect(remove?.body.replace(/duration=\d+/, "duration=N")).toBe(
        `action=listener_remove&${who}&duration=N&ip=127%2e0%2e0%2e1&agent=UA%2f1`,
      );
    });

    it("need no login where the server wants none, and are told of as they asked", async () => {
      const listening = await hear("/asked?by%20alias", { "User-Agent": "ä" }, stack.ingestUrl);
      expect(listening.status).toBe(200);
      const [add] = postsOf("by%2520alias");
      expect(add?.headers.authorization).toBe("Basic Og==");
      expect(add?.body).toContain(
        "&mount=%2fasked%3fby%2520alias&user=&pass=&ip=127%2e0%2e0%2e1&agent=%c3%a4",
      );
      const silent = await rawRequest(stack.ingestPort, "GET /url.mp3?silent HTTP/1.0\r\n\r\n", {
        timeoutMs: 500,
      });
      expect(silent.subarray(0, 15).toString()).toBe("HTTP/1.0 200 OK");
      expect(postsOf("silent")[0]?.body).toMatch(/&agent=-$/);
    });

    it("are refused in Icecast's words, and an error is a refusal", async () => {
      const reply = await rawRequest(stack.ingestPort, "GET /url.mp3?deny HTTP/1.0\r\nX: y\r\n\r\n");
      expect(reply.toString()).toMatch(/^HTTP\/1\.0 401 Authentication Required\r\n/);
      expect(reply.toString()).toMatch(/\r\nwww-authenticate: Basic realm="Icecast2 Server"\r\n/i);
      expect(reply.toString().endsWith(`\r\n\r\n${needsLogin}`)).toBe(true);
      expect(await refusal("/url.mp3?fail", basic("bob:ok"))).toBe(`401 ${needsLogin}`);
      expect(postsOf("deny").length + postsOf("fail").length).toBe(2);
    });

    it("are let in by a redirect that says so, which nobody follows", async () => {
      expect((await hear("/url.mp3?moved")).status).toBe(200);
      expect(server.posts.some(({ path }) => path === "/elsewhere")).toBe(false);
    });

    it("may stay for as long as it says, to a whole frame", async () => {
      const listening = await hear("/url.mp3?short", basic("bob:ok"));
      await waitFor("the end to be told", () => postsOf("short").length === 2, 20_000);
      await listening.ended;
      const frames = mp3.indexFrames(listening.bytes());
      const last = frames.at(-1);
      expect(last && last.offset + last.size).toBe(listening.bytes().length);
      const [add, remove] = postsOf("short");
      expect(remove && clientOf(remove)).toBe(add && clientOf(add));
      expect(Number(/duration=(\d+)/.exec(remove?.body ?? "")?.[1])).toBeGreaterThanOrEqual(2);
    });

    it("who have no time at all are told that there is nothing, and told of", async () => {
      expect(await refusal("/url.mp3?nothing")).toMatch(/^404 .*404 - Mount unavailable/s);
      await waitFor("the end to be told", () => postsOf("nothing").length === 2);
      expect(postsOf("nothing")[1]?.body).toContain("&duration=0&");
    });

    it("do not wait for what the server says beside its headers", async () => {
      const listening = await hear("/url.mp3?endless");
      expect(listening.status).toBe(200);
      await waitFor("sound", () => listening.bytes().length > 30_000);
      await waitFor("the reply to be given up", () => endlessEnded);
    });

    it("are let in with the operator's own login, and their end is told again when it was not heard", async () => {
      const listening = await hear("/own.mp3", basic("bob:ok"));
      expect(listening.status).toBe(200);
      listening.close();
      const removed = () => server.posts.filter(({ path }) => path === "/remove-fails");
      await waitFor("the end to be told twice", () => removed().length === 2);
      expect(removed()[0]?.body).toBe(removed()[1]?.body);
      for (const { headers, body } of removed()) {
        expect(headers.authorization).toBe(`Basic ${btoa("svc:s3")}`);
        expect(body).toContain("&user=bob&pass=ok&");
      }
    });

    it("of a server that is slow wait alone, and those who go meanwhile are told of", async () => {
      const controller = new AbortController();
      const waits = fetch(`${stack.edgeUrl}/url.mp3?slow1`, { signal: controller.signal }).catch(() => null);
      const patient = hear("/url.mp3?slow2");
      const refused = refusal("/url.mp3?slow3");
      await waitFor("three questions", () => held.length === 3);
      expect((await hear("/open.mp3")).status).toBe(200);
      expect((await hear("/url.mp3?quick")).status).toBe(200);
      controller.abort();
      await waits;
      for (const [index, response] of held.entries()) {
        const body = postsOf("slow").filter(({ body: text }) => text.startsWith("action=listener_add"))[index]
          ?.body;
        // The third is never answered.
        if (!body?.includes("slow3")) response.setHeader("icecast-auth-user", "1").end();
      }
      expect((await patient).status).toBe(200);
      await waitFor("the end to be told", () => postsOf("slow1").length === 2);
      expect(await refused).toBe(`401 ${needsLogin}`);
    }, 60_000);

    it("of a server that is dead are refused", async () => {
      expect(await refusal("/dead.mp3", basic("bob:ok"))).toBe(`401 ${needsLogin}`);
    });

    it("are told to come back when too many wait for it", async () => {
      const asked = held.length;
      const controller = new AbortController();
      const crowd = Array.from({ length: 100 }, (_, index) =>
        fetch(`${stack.edgeUrl}/url.mp3?slow-crowd${index}`, { signal: controller.signal }).catch(() => null),
      );
      await waitFor("all to wait", () => held.length === asked + 100);
      expect(await refusal("/url.mp3?slow-late")).toBe("403 busy, please try again later");
      for (const response of held.slice(asked)) response.end();
      expect(new Set((await Promise.all(crowd)).map((reply) => reply?.status))).toEqual(new Set([401]));
    });

    it("are asked for nothing by a HEAD", async () => {
      const reply = await fetch(`${stack.edgeUrl}/url.mp3?head`, { method: "HEAD" });
      expect([reply.status, postsOf("head").length]).toEqual([200, 0]);
    });
  });

  describe("of a mount with users", () => {
    it("need one's password, from an Icecast file or of our own", async () => {
      expect(await refusal("/both.mp3")).toBe(`401 ${needsLogin}`);
      expect(await refusal("/both.mp3", basic("u1:p2"))).toBe(`401 ${needsLogin}`);
      expect(await refusal("/both.mp3", basic("nobody:p1"))).toBe(`401 ${needsLogin}`);
      expect((await hear("/both.mp3", basic("u1:p1"))).status).toBe(200);
      expect((await hear("/both.mp3", basic("anna:grün:1"))).status).toBe(200);
      const [wrong, right] = await Promise.all(
        ["u1:p3", "u1:p1"].map((login) =>
          fetch(`${stack.edgeUrl}/both.mp3`, { method: "HEAD", headers: basic(login) }),
        ),
      );
      expect([wrong?.status, right?.status]).toEqual([401, 200]);
    });

    it("may come once at a time where the mount says so", async () => {
      const first = await hear("/users.mp3", basic("u1:p1"));
      expect(first.status).toBe(200);
      expect(await refusal("/users.mp3", basic("u1:p1"))).toBe(`401 ${needsLogin}`);
      expect((await hear("/users.mp3", basic("anna:grün:1"))).status).toBe(200);
      first.close();
      const again = await waitFor("the user to be free", async () => {
        const second = await hear("/users.mp3", basic("u1:p1"));
        return second.status === 200 && second;
      });
      again.close();
    });

    it("use players that know logins", async () => {
      const at = `127.0.0.1:${stack.ingestPort}/both.mp3`;
      const { stdout } = await run("curl", [
        ...["-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "-u", "u1:p1", `http://${at}`],
      ]).catch((error: { stdout: string }) => error);
      expect(stdout).toBe("200");
      const decoded = await run("ffmpeg", [
        "-v",
        "error",
        "-i",
        `http://u1:p1@${at}`,
        "-t",
        "1",
        "-f",
        "null",
        "-",
      ]);
      expect(decoded.stderr).toBe("");
      const mpg123 = await run("mpg123", ["-q", "-n", "40", "-t", `http://u1:p1@${at}`]);
      expect(mpg123.stderr).toBe("");
      await expect(
        run("ffmpeg", ["-v", "error", "-i", `http://u1:no@${at}`, "-t", "1", "-f", "null", "-"]),
      ).rejects.toThrow(/401/);
    }, 60_000);

    it("may be a web page's", async () => {
      const asked = await fetch(`${stack.edgeUrl}/both.mp3`, {
        method: "OPTIONS",
        headers: {
          Origin: "https://page.example",
          "Access-Control-Request-Method": "GET",
          "Access-Control-Request-Headers": "authorization,icy-metadata",
        },
      });
      expect(asked.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
      const refused = await fetch(`${stack.edgeUrl}/both.mp3`, {
        headers: { Origin: "https://page.example" },
      });
      expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, "*"]);
    });
  });

  describe("with a signed link", () => {
    const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;

    it("need no password, and without one nothing helps", async () => {
      const link = await signListenUrl("/signed.mp3", { expires: inAnHour, user: "anna" }, signingKey);
      expect((await hear(link)).status).toBe(200);
      expect((await hear(await signListenUrl("/both.mp3", { expires: inAnHour }, signingKey))).status).toBe(
        200,
      );
      expect(await refusal("/signed.mp3", basic("u1:p1"))).toBe("403 this stream needs a signed link");
      expect(await refusal(link.replace("anna", "bert"))).toBe("403 this link is not valid");
      expect(await refusal(link.replace("signed", "both"))).toBe("403 this link is not valid");
      // A password that is right goes before a link that is not.
      expect((await hear(link.replace("signed", "both"), basic("u1:p1"))).status).toBe(200);
    });

    it("are told when its time is over", async () => {
      const link = await signListenUrl("/signed.mp3", { expires: inAnHour - 7_200 }, signingKey);
      expect(await refusal(link)).toBe("403 this link has expired");
    });

    it("come from the address it was made for", async () => {
      const own = await signListenUrl("/signed.mp3", { expires: inAnHour, address: "127.0.0.1" }, signingKey);
      const other = await signListenUrl(
        "/signed.mp3",
        { expires: inAnHour, address: "192.0.2.1" },
        signingKey,
      );
      expect((await hear(own, {}, stack.ingestUrl)).status).toBe(200);
      const refused = await fetch(stack.ingestUrl + other);
      expect(`${refused.status} ${await refused.text()}`).toBe("403 this link is for another address");
    });

    it("may use a playlist", async () => {
      const link = await signListenUrl("/signed.mp3", { expires: inAnHour }, signingKey);
      for (const kind of ["m3u", "pls", "xspf", "vclt"]) {
        const playlist = await fetch(stack.edgeUrl + link.replace("?", `.${kind}?`));
        expect((await playlist.text()).replaceAll("&amp;", "&")).toContain(stack.edgeUrl + link);
      }
      const { stderr } = await run("ffmpeg", [
        "-v",
        "error",
        "-i",
        stack.edgeUrl + link,
        "-t",
        "1",
        "-f",
        "null",
        "-",
      ]);
      expect(stderr).toBe("");
    });
  });

  it("leave nothing behind: all that were let in are told of once more", async () => {
    for (const each of open) each.close();
    const count = (action: string, path: string) =>
      server.posts.filter((post) => post.body.startsWith(`action=${action}&`) && post.path === path);
    await waitFor("all ends to be told", () => {
      const removed = new Set(count("listener_remove", "/remove").map(clientOf));
      return ["asked", "moved", "endless", "quick", "slow2"].every((word) =>
        server.posts.some((post) => post.body.includes(word) && removed.has(clientOf(post))),
      );
    });
    const removed = count("listener_remove", "/remove").map(clientOf);
    expect(new Set(removed).size).toBe(removed.length);
  });
});
