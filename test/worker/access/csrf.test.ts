import fc from "fast-check";
import { timingSafeEqual } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { csrfHours } from "../../../worker/access/limits.ts";
import { csrfToken, guardUnsafe } from "../../../worker/access/csrf.ts";
import { hostWith } from "./stored-accounts.ts";

const host = hostWith(
  { secret: async () => Buffer.alloc(32, 7).toString("base64url") },
  { INGEST_TOKEN: "token" },
);
const ada = { name: "ada", role: "admin" } as const;
const bob = { name: "bob", role: "admin" } as const;
const address = "http://radio.example:8000/admin/killsource?mount=/live.mp3";
const hourMs = 3_600_000;
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

beforeAll(() => {
  Object.assign(crypto.subtle, {
    timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) => timingSafeEqual(Buffer.from(a), Buffer.from(b)),
  });
});
beforeEach(() => vi.useFakeTimers({ now: 500_000 * hourMs, toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

type Headers = Readonly<Record<string, string>>;
/** Node's Request leaves out some of these headers, as a page's would; a server gets them. */
function request(method: string, headers: Headers, body?: string): Request {
  const made = new Request(address, { method, ...(body !== undefined && { body }) });
  for (const [name, value] of Object.entries(headers)) made.headers.set(name, value);
  return made;
}
const form = (headers: Headers, token?: string): Request =>
  request(
    "POST",
    { "Content-Type": "application/x-www-form-urlencoded", ...headers },
    token === undefined ? "mount=%2flive.mp3" : `mount=%2flive.mp3&csrf=${encodeURIComponent(token)}`,
  );
const json = (headers: Headers): Request =>
  request("POST", { "Content-Type": "application/json", ...headers }, "{}");
const statusOf = async (asked: Request, visitor: typeof ada | typeof bob = ada) =>
  (await guardUnsafe(asked, visitor, host))?.status ?? "done";

const sameOrigin = { "User-Agent": firefox, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors" };
const crossSite = { "User-Agent": firefox, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" };

describe("a command by GET", () => {
  it.each<[string, Headers]>([
    ["curl", { "User-Agent": "curl/8.14.1" }],
    ["a script without a name", {}],
    ["Node's fetch", { "User-Agent": "node", "Sec-Fetch-Mode": "cors" }],
    ["liquidsoap", { "User-Agent": "Liquidsoap/2.3.2 (Unix; OCaml 5.3.0)" }],
  ])("of %s is done", async (_, headers) => {
    expect(await statusOf(request("GET", headers))).toBe("done");
  });

  it.each<[string, Headers]>([
    ["an old browser, or over plain HTTP", { "User-Agent": firefox }],
    ["an image of another site", { ...crossSite, "Sec-Fetch-Dest": "image" }],
    ["a browser with a name of its own", { "User-Agent": "x", "Sec-Fetch-Site": "none" }],
  ])("of %s gets a page with a button, that nobody may frame or keep", async (_, headers) => {
    const page = await guardUnsafe(request("GET", headers), ada, host);
    expect(page?.status).toBe(200);
    expect(page?.headers.get("X-Frame-Options")).toBe("DENY");
    expect(page?.headers.get("Cache-Control")).toBe("no-store");
    expect(page?.headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
    const html = (await page?.text()) ?? "";
    expect(html).toContain('<form method="post" action="/admin/killsource?mount=/live.mp3">');
    const token = /name="csrf" value="([^"]+)"/.exec(html)?.[1];
    expect(await statusOf(form({ "User-Agent": firefox, Origin: "null" }, token))).toBe("done");
  });

  it("gets a page that has what was asked for as text, and no passwords to read", async () => {
    const asked = new Request(`${address}&action=%3Cscript%3E&pass%22=x&password=hunter2`);
    asked.headers.set("User-Agent", firefox);
    asked.headers.set("Accept-Language", "ko-KR,ko;q=0.9");
    const html = (await (await guardUnsafe(asked, ada, host))?.text()) ?? "";
    expect(html).toContain('<html lang="ko">');
    expect(html).toContain("<dd>&lt;script&gt;</dd>");
    expect(html).not.toContain("<script");
    expect(html).not.toContain("<dd>hunter2</dd>");
  });
});

describe("a command by POST", () => {
  it("of a script is done", async () => {
    expect(await statusOf(form({ "User-Agent": "curl/8.14.1" }))).toBe("done");
    expect(await statusOf(json({}))).toBe("done");
  });

  it.each<[string, Headers]>([
    ["same site", sameOrigin],
    ["another site", crossSite],
    ["anywhere, by its name", { "User-Agent": firefox }],
    ["anywhere, by its Origin", { Origin: "http://radio.example:8000" }],
  ])("from a form of %s needs a token", async (_, headers) => {
    expect(await statusOf(form(headers))).toBe(403);
    expect(await statusOf(form(headers, "500000.AAAA"))).toBe(403);
    expect(await statusOf(form(headers, await csrfToken(ada, host)))).toBe("done");
  });

  it("leaves its form to whoever carries it out", async () => {
    const asked = form(sameOrigin, await csrfToken(ada, host));
    await guardUnsafe(asked, ada, host);
    expect(await asked.text()).toContain("mount=%2flive.mp3");
  });

  it("may have its token in a header", async () => {
    const token = { "X-Skywave-Csrf": await csrfToken(ada, host) };
    expect(await statusOf(json({ ...crossSite, ...token }))).toBe("done");
    expect(await statusOf(json({ ...sameOrigin, "X-Skywave-Csrf": "guess" }))).toBe(403);
  });

  it("in JSON needs a token only where another site may have sent it", async () => {
    expect(await statusOf(json(sameOrigin))).toBe("done");
    expect(await statusOf(json(crossSite))).toBe(403);
    expect(await statusOf(json({ ...crossSite, "Sec-Fetch-Site": "same-site" }))).toBe(403);
    expect(await statusOf(json({ Origin: "http://radio.example:8000" }))).toBe("done");
    expect(await statusOf(json({ Origin: "https://radio.example:8000" }))).toBe("done");
    expect(await statusOf(json({ Origin: "http://evil.example" }))).toBe(403);
    expect(await statusOf(json({ Origin: "null" }))).toBe(403);
    expect(await statusOf(request("DELETE", { Origin: "http://evil.example" }))).toBe(403);
    expect(await statusOf(request("DELETE", sameOrigin))).toBe("done");
  });

  it("in JSON that calls itself plain text is a form", async () => {
    expect(await statusOf(request("POST", { ...sameOrigin, "Content-Type": "text/plain" }, "{}"))).toBe(403);
  });

  it("through an ingest host is compared with what that host was asked for", async () => {
    const origin = { Origin: "https://stream.example" };
    expect(await statusOf(json({ ...origin, "X-Forwarded-Host": "stream.example" }))).toBe(403);
    const vouched = { "X-Forwarded-Host": "stream.example", "X-Skywave-Ingest": "token" };
    expect(await statusOf(json({ ...origin, ...vouched }))).toBe("done");
  });

  it("with a form that never ends is refused", async () => {
    expect(await statusOf(form(sameOrigin, "x".repeat(70_000)))).toBe(403);
  });
});

describe("a token", () => {
  it("is good for its user, for some hours, as it was made", async () => {
    const token = await csrfToken(ada, host);
    expect(await statusOf(form(sameOrigin, token), bob)).toBe(403);
    vi.setSystemTime(Date.now() + csrfHours * hourMs);
    expect(await statusOf(form(sameOrigin, token))).toBe("done");
    vi.setSystemTime(Date.now() + hourMs);
    expect(await statusOf(form(sameOrigin, token))).toBe(403);
    expect(await statusOf(form(sameOrigin, token.replace(/^\d+/, "500012")))).toBe(403);
  });

  it("cannot be made up", async () => {
    const part = fc.oneof(fc.string(), fc.constantFrom("500000", ".", "A".repeat(43)));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        expect(await statusOf(form(sameOrigin, parts.join("").toWellFormed()))).toBe(403);
      }),
    );
  });
});
