import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adminCommandAccess, routeAccess } from "../../worker/access/route-access.ts";
import { loopSource } from "../support/loop-source.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/** What nobody would send who means well, to both ports of the real stack. */
const folder = mkdtempSync(join(tmpdir(), "skywave-hostile-"));
const markup = `"><script>alert(1)</script>`;
const membersHash = createHash("md5").update("SECRET-anna").digest("hex");
const signingKey = "SECRETkeySECRETkeySECRETkeySECRETkeySECRETkey0";
const station = `[station]
name = ${JSON.stringify(`Radio ${markup}`)}
description = ${JSON.stringify(markup)}
[sources]
password = "SECRET-station"
[admin]
user = "ada"
password = "SECRET-ada"
[[user]]
name = "olga"
role = "operator"
password = "SECRET-olga"
[signed_urls]
keys = ["${signingKey}"]
[mounts."/live.mp3"]
password = "SECRET-live"
[mounts."/members.mp3"]
listener_auth = { type = "htpasswd", file = ${JSON.stringify(join(folder, "members"))} }
[mounts."/url.mp3"]
listener_auth = { type = "url", listener_add = "http://127.0.0.1:9/add", username = "u", password = "SECRET-url" }
`;

const basic = (login: string) => `Basic ${Buffer.from(login).toString("base64")}`;
const ada = { Authorization: basic("ada:SECRET-ada") };

interface Reply {
  /** 0: closed without a word. */
  readonly status: number;
  readonly head: string;
  readonly text: string;
  /** Neither a head nor the end came in time. */
  readonly hangs: boolean;
}

/** Bytes as they are: no client library has its say. Reads on for a moment, for some replies never end. */
function send(port: number, bytes: string): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let hangs = false;
    const done = () => socket.destroy();
    const never = setTimeout(() => {
      hangs = true;
      done();
    }, 8_000);
    let moment: NodeJS.Timeout | undefined;
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.length > 500_000) done();
      if (text.includes("\r\n\r\n")) moment ??= setTimeout(done, 500);
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(never);
      clearTimeout(moment);
      const status = Number(/^(?:HTTP|ICY)\S* (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ status, head: text.split("\r\n\r\n")[0] ?? "", text, hangs });
    });
    socket.write(Buffer.from(bytes, "latin1"));
  });
}

function request(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): string {
  const lines = Object.entries({ Host: "radio.example", Connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = body === "" ? "" : `Content-Length: ${Buffer.byteLength(body, "latin1")}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}${length}\r\n${body}`;
}

describe.each(["edge", "ingest"] as const)("the %s port", (which) => {
  let stack: Stack;
  let port: number;
  const sources: { readonly stop: () => void }[] = [];

  beforeAll(async () => {
    writeFileSync(join(folder, "members"), `anna:${membersHash}\n`);
    stack = await startStation(station);
    port = which === "edge" ? stack.edgePort : stack.ingestPort;
    sources.push(await loopSource(stack, "/live.mp3", "SECRET-live"));
    sources.push(await loopSource(stack, "/members.mp3", "SECRET-station"));
    await waitFor("the mounts to be listed", async () => {
      const { text } = await ask("GET", "/admin/streamlist.txt", ada);
      return text.includes("/live.mp3") && text.includes("/members.mp3");
    });
    const song = encodeURIComponent(`${markup}\r\nX-Evil: 1`);
    const titled = await ask("GET", `/admin/metadata?mount=/live.mp3&mode=updinfo&song=${song}`, ada);
    if (titled.status !== 200) throw new Error(titled.text);
    await waitFor("the title", async () => (await ask("GET", "/currentsong")).text.includes("X-Evil"));
  });
  afterAll(async () => {
    for (const { stop } of sources) stop();
    await stack.stop();
  });

  const ask = (...asked: Parameters<typeof request>) => send(port, request(...asked));

  /** Whatever an administrator can look at, and what others get instead. */
  async function everyReply(): Promise<{ readonly what: string; readonly reply: Reply }[]> {
    const routes = Object.keys(routeAccess)
      .filter((row) => row.startsWith("GET /") && !row.endsWith("*"))
      .map((row) => row.slice("GET ".length).replace(":mount", "live.mp3"));
    const commands = Object.keys(adminCommandAccess)
      .filter((name) => !["killsource", "killclient", "fallbacks", "metadata"].includes(name))
      .flatMap((name) => [name, `${name}.xsl`])
      .flatMap((name) =>
        ["", "?mount=/live.mp3", "?mount=/members.mp3", "?mount=%22%3E%3Cscript%3E"].map(
          (query) => name + query,
        ),
      )
      .map((name) => `/admin/${name}`);
    const others = [
      "/admin.cgi?mode=viewxml",
      "/admin.cgi?mode=viewjson",
      "/admin/console-mount.json?mount=/members.mp3",
      "/live.mp3.m3u",
      "/live.mp3.xspf",
      "/nothing",
    ];
    const replies = [];
    for (const what of [...routes, ...commands, ...others]) {
      for (const headers of [ada, {}]) replies.push({ what, reply: await ask("GET", what, headers) });
    }
    const browser = { ...ada, "User-Agent": `Mozilla/${markup}`, Referer: markup };
    const confirm = `/admin/killsource?mount=${encodeURIComponent(`/${markup}`)}&password=SECRET-typed`;
    replies.push({ what: confirm, reply: await ask("GET", confirm, browser) });
    replies.push({
      what: "confirmation",
      reply: await ask("GET", "/admin/killsource?mount=/live.mp3&x=" + encodeURIComponent(markup), browser),
    });
    return replies;
  }

  it("shows no secret to anybody, nor writes one into its log", async () => {
    const secrets = ["SECRET", membersHash, stack.ingestToken, "$pbkdf2"];
    for (const { what, reply } of await everyReply()) {
      for (const secret of secrets) expect(reply.text.includes(secret), `${secret} in ${what}`).toBe(false);
      expect(reply.status, what).toBeLessThan(500);
    }
    for (const secret of secrets) expect(stack.log()).not.toContain(secret);
  });

  it("lets nothing that others wrote run or become a header, and no page do what it does not say", async () => {
    for (const { what, reply } of await everyReply()) {
      expect(reply.head, what).not.toMatch(/^X-Evil/im);
      if (!/^content-type: text\/html/im.test(reply.head)) continue;
      expect(reply.text, what).not.toContain("<script>alert");
      expect(reply.head, what).toMatch(/^content-security-policy: default-src 'none';/im);
      expect(reply.head, what).not.toContain("unsafe");
    }
  });

  it("has one door to what administrators see, however it is spelt", async () => {
    const spellings = [
      "//admin/stats",
      "/admin//stats",
      "/ADMIN/stats",
      "/%61dmin/stats",
      "/admin/%73tats",
      "/admin%2fstats",
      "/./admin/stats",
      "/x/../admin/stats",
      "/admin/stats/",
      "/admin/stats;x",
      "/admin/stats%00",
      "/admin/stats.XSL",
      "/admin/constructor",
      "/admin/__proto__",
      "http://radio.example/admin/stats",
      "//metrics",
      "/%6detrics",
      "/metrics/",
      "/api/v1//users",
      "/api/v1/users/",
      "/api/v1/%75sers",
      "/api%2fv1/users",
      "/admin/console.json",
      "/%61dmin/console.json",
      "/admin/console.json/",
      "/api/ingest/v1/statistics",
      "/%61pi/ingest/v1/statistics",
      "/admin.cgi?mode=viewxml&pass=",
    ];
    const outside = {
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-For": "127.0.0.1",
      "X-Skywave-Client": "127.0.0.1",
      "X-Skywave-Ingest": "guess",
      "X-Original-URL": "/admin/stats",
      "X-HTTP-Method-Override": "GET",
      "MF-Original-URL": "http://radio.example/admin/stats",
      "Sec-Fetch-Site": "same-origin",
    };
    for (const target of spellings) {
      for (const method of ["GET", "HEAD", "POST", "DELETE", "PATCH"]) {
        const { status, text } = await ask(method, target, outside);
        expect(text, `${method} ${target}`).not.toMatch(/<icestats>|skywave_|"users"|"csrf"|SHOUTCASTSERVER/);
        expect(status < 200 || status >= 300, `${method} ${target}: ${status}`).toBe(true);
      }
    }
  });

  it("does not let another site's page use a browser's login", async () => {
    const cross = {
      "User-Agent": "Mozilla/5.0",
      Origin: "http://evil.example",
      "Sec-Fetch-Site": "cross-site",
    };
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    const kill = "/admin/killsource?mount=/live.mp3";
    const source = { Authorization: basic("source:SECRET-live") };
    const tries: [string, string, Readonly<Record<string, string>>, string][] = [
      ["GET", kill, { "User-Agent": "Mozilla/5.0" }, ""],
      ["GET", kill, { ...cross, Referer: "http://radio.example/admin/" }, ""],
      ["POST", kill, { ...cross, ...form }, "x=1"],
      ["POST", kill, { ...cross, ...form }, "csrf=1.AAAA"],
      ["POST", kill, { ...cross, Origin: "null", "Content-Type": "text/plain" }, "x"],
      ["POST", kill, { ...cross, "Content-Type": "application/json" }, "{}"],
      ["POST", kill, { ...cross, "Content-Type": "multipart/form-data; boundary=x" }, "--x--"],
      ["POST", kill, { Origin: "http://evil.example" }, ""],
      ["POST", kill, { Origin: "http://radio.example.evil.example", ...form }, "x=1"],
      ["DELETE", "/api/v1/mounts/live.mp3/source", cross, ""],
      ["POST", "/api/v1/mounts/live.mp3/title", { ...cross, "Content-Type": "text/plain" }, '{"title":"x"}'],
    ];
    for (const [method, target, headers, body] of tries) {
      for (const login of [ada, source]) {
        const { text } = await ask(method, target, { ...headers, ...login }, body);
        expect(text, `${method} ${target} ${JSON.stringify(headers)}`).not.toContain("Source Removed");
      }
    }
    expect((await ask("GET", "/admin/listmounts", ada)).text).toContain('mount="/live.mp3"');
  });

  it("lets a source do what it may on its own mount alone", async () => {
    const source = { Authorization: basic("source:SECRET-live") };
    expect((await ask("GET", "/admin/listclients?mount=/live.mp3", source)).status).toBe(200);
    for (const command of Object.keys(adminCommandAccess).filter(
      (name) => name !== "" && name !== "buildm3u",
    )) {
      const { status } = await ask("GET", `/admin/${command}?mount=/members.mp3`, source);
      expect([400, 401], command).toContain(status);
    }
  });

  it("answers whatever comes, cleanly and at once", async () => {
    const piece = fc.constantFrom(
      ...[
        "admin",
        "api",
        "v1",
        "mounts",
        "live.mp3",
        "members.mp3",
        "url.mp3",
        "stats",
        "listclients",
        "manageauth",
        "console.json",
      ],
      ...[
        "status-json.xsl",
        "7.html",
        "admin.cgi",
        "metrics",
        "events",
        "openapi.json",
        "..",
        ".",
        "",
        "%2F",
        "%00",
        "%ff",
        "%",
        "%C3%A9",
      ],
      ...[
        "__proto__",
        "constructor",
        "live.mp3.m3u",
        "live.mp3.xspf",
        "audit",
        "listeners",
        "title",
        "\xe9",
        "*",
        "'",
        "<x>",
        "\\",
        ";a=b",
        "a".repeat(300),
      ],
    );
    const target = fc.oneof(
      { weight: 8, arbitrary: fc.array(piece, { maxLength: 5 }).map((pieces) => `/${pieces.join("/")}`) },
      {
        weight: 1,
        arbitrary: fc.constantFrom("*", "http://a/live.mp3", "http://[/", "live.mp3", "//", "/?", "?", "#"),
      },
    );
    const name = fc.constantFrom(
      "mount",
      "mode",
      "song",
      "id",
      "destination",
      "action",
      "username",
      "password",
      "limit",
      "hidden",
      "sid",
      "json",
      "burst",
      "pass",
      "__proto__",
      "expires",
      "signature",
      "_",
    );
    const value = fc.oneof(
      fc.constantFrom(
        "/live.mp3",
        "/members.mp3",
        "updinfo",
        "add",
        "-1",
        "1e309",
        "NaN",
        "true",
        "%",
        "%ff",
        "%00%0d%0a",
        "%F0%9F",
        "+",
        "x".repeat(2_000),
      ),
      fc.string({ maxLength: 8 }).map(encodeURIComponent),
    );
    const query = fc.array(
      fc.tuple(name, value).map(([key, text]) => `${key}=${text}`),
      { maxLength: 4 },
    );
    const headerName = fc.constantFrom(
      ...[
        "Authorization",
        "Host",
        "Origin",
        "Sec-Fetch-Site",
        "User-Agent",
        "Content-Type",
        "Accept-Language",
        "Icy-MetaData",
        "Range",
      ],
      ...[
        "Last-Event-ID",
        "Referer",
        "X-Skywave-Csrf",
        "X-Forwarded-Host",
        "X-Skywave-Client",
        "CF-Connecting-IP",
        "Cookie",
        "If-None-Match",
      ],
    );
    const headerText = fc.oneof(
      fc.constantFrom(
        ada.Authorization,
        basic("source:SECRET-live"),
        "Basic",
        "Basic ====",
        "Basic /w==",
        "Bearer x",
        "a:b:c",
        "[::1",
        "null",
      ),
      fc.constantFrom(
        "http://[",
        "cross-site",
        "Mozilla/5.0",
        "application/json",
        "application/x-www-form-urlencoded",
        "ko;q=x",
        "bytes=-",
        "1-1",
        "9".repeat(60),
      ),
      fc.string({ unit: "binary", maxLength: 12 }).map((text) => text.replace(/[^\x20-\x7e\x80-\xff]/g, "")),
    );
    const headers = fc.dictionary(headerName, headerText, { maxKeys: 5 });
    const method = fc.constantFrom(
      "GET",
      "GET",
      "GET",
      "HEAD",
      "POST",
      "DELETE",
      "OPTIONS",
      "PATCH",
      "STATS",
    );
    const body = fc.oneof(
      fc.constantFrom(
        "",
        "{}",
        "null",
        "[".repeat(9_000),
        '{"__proto__":{"a":1},"title":1}',
        "mount=%2Flive.mp3&csrf=1",
      ),
      fc.string({ maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(method, target, query, headers, body), { minLength: 8, maxLength: 8 }),
        async (many) => {
          await Promise.all(
            many.map(async ([verb, path, fields, given, text]) => {
              const asked = request(
                verb,
                fields.length === 0 ? path : `${path}?${fields.join("&")}`,
                given,
                verb === "POST" || verb === "PATCH" ? text.replace(/[^\x20-\x7e]/g, "") : "",
              );
              const { status, hangs } = await send(port, asked);
              expect(hangs, asked).toBe(false);
              // 501: a verb that nobody here knows.
              if (status !== 501) expect(status, asked).toBeLessThan(500);
            }),
          );
        },
      ),
      { numRuns: 120, interruptAfterTimeLimit: 45_000 },
    );
    expect(stack.log()).not.toMatch(/request failed|TypeError|RangeError/);
    expect((await ask("GET", "/admin/stats", ada)).status).not.toBe(0);
  });
});

afterAll(() => rmSync(folder, { recursive: true }));
