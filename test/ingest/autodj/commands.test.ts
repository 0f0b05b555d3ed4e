import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adminPassword, RunningIngest } from "../running-ingest.ts";

const ingest = new RunningIngest();
beforeAll(() => ingest.open());
afterAll(() => ingest.close());

const login = `Authorization: Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}\r\n`;

/** Status and body. */
async function ask(method: string, path: string, headers = login): Promise<readonly [number, string]> {
  const reply = await ingest.exchange(`${method} /admin/autodj/${path} HTTP/1.0\r\n${headers}\r\n`);
  const [, status] = /^HTTP\/1\.0 (\d{3}) /.exec(reply) ?? [];
  return [Number(status), reply.slice(reply.indexOf("\r\n\r\n") + 4).trim()];
}

describe("a command for an AutoDJ", () => {
  it.each(["constructor", "toString", "__proto__", "hasOwnProperty", "", "now/", "queue%2f"])(
    "that does not exist is answered so: %s",
    async (name) => {
      for (const method of ["OPTIONS", "GET", "HEAD", "POST", "DELETE"]) {
        const [status, body] = await ask(method, name);
        expect(`${method} ${status}`).toBe(`${method} 404`);
        expect(body).toBe(method === "HEAD" ? "" : '{"error":"there is no such command"}');
      }
    },
  );

  it("says which methods it has to anybody, and nothing else", async () => {
    expect(await ask("OPTIONS", "queue", "")).toEqual([204, ""]);
    for (const method of ["GET", "HEAD", "POST", "DELETE", "PUT"]) {
      const [status, body] = await ask(method, "queue?mount=/autodj.mp3", "");
      expect(`${method} ${status}`).toBe(`${method} 401`);
      expect(body).not.toContain("autodj");
    }
  });

  it("names a mount that has none in words that no browser takes for a page", async () => {
    const [status, body] = await ask("GET", `now?mount=${encodeURIComponent('/<script>"')}`);
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({ error: '/<script>" has no AutoDJ on this host' });
    expect((await ask("GET", "now"))[1]).toBe('{"error":"mount is missing"}');
    expect(await ask("POST", "now?mount=/a")).toEqual([405, '{"error":"POST is not for this"}']);
  });
});
