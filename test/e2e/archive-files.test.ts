import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SaxesParser } from "saxes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, requireClient, spawnClient } from "../support/clients.ts";
import { launchBrowser } from "../support/browser.ts";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { excerptOf } from "../support/fixture-audio.ts";
import { freePorts } from "../support/free-port.ts";
import { loopSource } from "../support/loop-source.ts";
import { openSocket, readHead } from "../support/raw-request.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/** What was broadcast, as files: asked for over HTTP, compared with nginx, read by other people's programs. */
const mount = "/shows/über uns.mp3";
const encodedMount = "/shows/%C3%BCber%20uns.mp3";
const other = "/other.mp3";
const hidden = "/hidden.mp3";
const folder = mkdtempSync(join(tmpdir(), "skywave-archive-"));
const shots = process.env["SKYWAVE_SCREENSHOTS"];

interface Listed {
  readonly mount: string;
  readonly name: string;
  readonly url: string;
  readonly start: string;
  readonly end: string | null;
  readonly durationMs: number;
  readonly bytes: number;
  readonly titles: readonly { readonly atMs: number; readonly text: string }[];
  readonly joins: readonly { readonly kind: string; readonly atMs: number }[];
}

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

function ask(url: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false });
    request.setTimeout(30_000, () => request.destroy(new Error("no answer")));
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end();
  });
}

describe("what was broadcast", () => {
  let stack: Stack;
  let nginx: Client | undefined;
  let nginxUrl = "";
  /** The first source's frames and the second's: they come back within the grace. */
  const first = excerptOf("cbr128-joint44.mp3", 5);
  const longer = excerptOf("cbr128-joint44.mp3", 9);
  const second = {
    bytes: longer.bytes.subarray(first.bytes.length),
    frames: longer.frames.subarray(first.frames.length),
  };

  beforeAll(async () => {
    stack = await startStation(`[station]
name = "Radio <Ü>"
[limits]
grace_seconds = 4
[mounts."/**"]
archive_name = "%F %H:%M:%S.mp3"
[mounts."${mount}"]
podcast = true
[mounts."${hidden}"]
hidden = true
`);
    await broadcast(mount, first.bytes, ["Ann - Öne & <two>", "Second"]);
    await broadcast(mount, second.bytes, ["Third"]);
    await broadcast(other, second.bytes, []);
    await broadcast(hidden, second.bytes, []);
    await waitFor(
      "the broadcasts to be over",
      async () => {
        const { broadcasts } = await list();
        const own = broadcasts.filter((each) => each.mount === mount);
        return own.length === 1 && broadcasts.length === 2 && broadcasts.every(({ end }) => end !== null);
      },
      60_000,
    );
  });
  afterAll(async () => {
    nginx?.kill();
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function broadcast(path: string, audio: Buffer, titles: readonly string[]): Promise<void> {
    const socket = await openSocket(stack.ingestPort);
    const login = Buffer.from(`source:${stack.password}`).toString("base64");
    socket.write(
      `SOURCE ${encodeURI(path)} HTTP/1.0\r\nAuthorization: Basic ${login}\r\nContent-Type: audio/mpeg\r\nice-name: Show & Tell\r\n\r\n`,
    );
    expect(await readHead(socket)).toContain("200 OK");
    const half = Math.floor(audio.length / 2);
    for (const [index, part] of [audio.subarray(0, half), audio.subarray(half)].entries()) {
      const song = titles[index];
      if (song !== undefined) {
        const query = new URLSearchParams({ mode: "updinfo", mount: path, song, charset: "UTF-8" });
        const reply = await ask(`${stack.ingestUrl}/admin/metadata?${query}`, {
          authorization: `Basic ${login}`,
        });
        expect(reply.status).toBe(200);
      }
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.end();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    socket.destroy();
  }

  async function list(query = ""): Promise<{ broadcasts: Listed[]; cursor: string | null }> {
    const reply = await ask(`${stack.edgeUrl}/archive.json${query}`);
    expect([reply.status, reply.body.toString().slice(0, 200)]).toEqual([200, expect.any(String)]);
    return JSON.parse(reply.body.toString()) as { broadcasts: Listed[]; cursor: string | null };
  }

  async function listed(path = mount): Promise<Listed> {
    const { broadcasts } = await list(`?mount=${encodeURIComponent(path)}`);
    const [found] = broadcasts;
    if (!found) throw new Error(`nothing of ${path}`);
    return found;
  }

  /** Each frame in it, after the tag: what is not in the bucket is a primer. */
  const withoutTag = (file: Buffer): Buffer => {
    const size = file.subarray(6, 10).reduce((sum, byte) => sum * 128 + byte, 0);
    return file.subarray(10 + size);
  };

  it("is listed with titles and joins, and without what is hidden", async () => {
    const { broadcasts } = await list();
    expect(broadcasts.map((each) => each.mount).toSorted()).toEqual([other, mount].toSorted());
    const own = await listed();
    expect(own.titles.map(({ text }) => text)).toEqual(["Ann - Öne & <two>", "Second", "Third"]);
    expect(own.joins.map(({ kind }) => kind)).toEqual(["reconnect"]);
    expect(own.bytes).toBe(first.frames.length + second.frames.length);
    expect(own.url).toBe(`${stack.edgeUrl}/archive${encodedMount}/${encodeURIComponent(own.name)}`);
    expect(own.name).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.mp3$/);
    const all: Listed[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page = await list(`?limit=1${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
      all.push(...page.broadcasts);
      cursor = page.cursor;
    }
    expect(all).toEqual(broadcasts);
    expect((await list(`?to=${own.start}`)).broadcasts).toEqual([]);
    for (const query of [
      "?from=x",
      "?limit=0",
      "?cursor=x",
      "?mount=x",
      "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    ]) {
      expect((await ask(`${stack.edgeUrl}/archive.json${query}`)).status).toBe(400);
    }
  });

  it("is one file of the very frames, with chapters, on both ports", async () => {
    const { url, durationMs } = await listed();
    const { status, headers, body } = await ask(url);
    expect(status).toBe(200);
    expect(Number(headers["content-length"])).toBe(body.length);
    expect(headers["content-type"]).toBe("audio/mpeg");
    const audio = withoutTag(body);
    expect(audio.subarray(0, first.frames.length).equals(first.frames)).toBe(true);
    expect(audio.subarray(audio.length - second.frames.length).equals(second.frames)).toBe(true);
    // The second source begins in the middle of a stream: one silent frame has what its first one reaches back to.
    const primer = audio.subarray(first.frames.length, audio.length - second.frames.length);
    expect(primer.readUInt16BE(0) & 0xfff0).toBe(0xfff0);
    expect(primer.length).toBe(417);
    const primerMs = 26;
    expect((await ask(url.replace(stack.edgeUrl, stack.ingestUrl))).body.equals(body)).toBe(true);
    // Of its first frame nobody sent all: no program has more than that to complain of.
    const complaints = complaintsOfPrograms(body);
    expect(complaints.filter((line) => !/layer3\.c.*dequantization failed/.test(line))).toEqual([]);
    expect(complaints.length).toBeLessThanOrEqual(1);

    const file = join(folder, "file.mp3");
    writeFileSync(file, body);
    const args = ["-v", "error", "-show_format", "-show_chapters", "-of", "json", file];
    const { stdout, stderr } = spawnSync("ffprobe", args);
    expect(stderr.toString()).toBe("");
    const probe = JSON.parse(stdout.toString()) as {
      chapters: { start_time: string; end_time: string; tags: { title: string } }[];
      format: { duration: string; tags: Record<string, string> };
    };
    expect(probe.chapters.map(({ tags }) => tags.title)).toEqual(["Ann - Öne & <two>", "Second", "Third"]);
    expect(Number(probe.chapters.at(-1)?.end_time) * 1_000).toBeCloseTo(durationMs + primerMs, -1);
    expect(probe.format.tags).toMatchObject({ artist: "Show & Tell", album: "Radio <Ü>" });
  });

  it("HEAD, 304 and titles say the same of it", async () => {
    const { url, titles, name } = await listed();
    const got = await ask(url);
    const head = await ask(url, {}, "HEAD");
    expect(head.body).toHaveLength(0);
    expect(got.headers["cache-control"]).toBe("public, no-cache");
    const { date: _, connection: __, ...said } = got.headers;
    expect(head.headers).toMatchObject(said);
    const unchanged = await ask(url, { "If-None-Match": String(got.headers.etag) });
    expect([unchanged.status, unchanged.body.length]).toEqual([304, 0]);
    const cue = (await ask(url.replace(/\.mp3$/, ".cue"))).body.toString();
    expect(cue).toContain(`FILE "${name}" MP3`);
    expect(cue.match(/TRACK \d\d AUDIO/g)).toHaveLength(3);
    const json = JSON.parse((await ask(url.replace(/\.mp3$/, ".json"))).body.toString()) as Listed;
    expect(json.titles).toEqual(titles);
    expect((await ask(url.replace(/\.mp3$/, "x.mp3"))).status).toBe(404);
    expect((await ask(`${stack.edgeUrl}/archive/never.mp3/x.mp3`)).status).toBe(404);
  });

  it("answers ranges and conditions as nginx does with the same file", {
    timeout: 120_000,
  }, async (context) => {
    requireClient(context, "nginx");
    const { url } = await listed();
    const whole = await ask(url);
    await startNginx(whole.body);
    const theirs = await ask(nginxUrl);
    expect(theirs.body.equals(whole.body)).toBe(true);
    const size = whole.body.length;
    const ranges = [
      "bytes=0-0",
      "bytes=0-",
      "bytes=1-",
      "bytes=0-99",
      `bytes=${size - 1}-`,
      `bytes=${size}-`,
      `bytes=0-${size}`,
      "bytes=-1",
      "bytes=-500",
      `bytes=-${size + 5}`,
      "bytes=-0",
      "bytes=9-5",
      "bytes=",
      "bytes=-",
      "bytes=x-y",
      "bytes= 5 - 9",
      "bytes=5 -9 ",
      "bytes=- 5",
      "BYTES=0-4",
      "items=0-4",
      "bytes=0-4,",
      "bytes=0-0,-1",
      "bytes=4-8,0-2",
      `bytes=0-1,${size}-`,
      `bytes=0-,0-`,
      "bytes=0-1,1-2,x",
      "bytes=4294967296-",
      "bytes=0-4294967296",
      "bytes=99999999999999999999-",
      "bytes=0-99999999999999999999",
      "bytes=0-999999999999999999",
      "bytes=5-",
      "bytes=70000-70001",
    ];
    const cases = [
      ...ranges.map((range) => ({ range })),
      ...[
        { "if-range": "ETAG" },
        { "if-range": '"x"' },
        { "if-range": 'W/"x"' },
        { "if-range": "DATE" },
        { "if-range": "x" },
        { "if-range": "Sat, 01 Jan 2000 00:00:00 GMT" },
        { "if-none-match": "ETAG" },
        { "if-none-match": '"x", ETAG' },
        { "if-none-match": "W/ETAG" },
        { "if-none-match": "*" },
        { "if-none-match": '"x"' },
        { "if-match": "ETAG" },
        { "if-match": '"x"' },
        { "if-match": "*" },
        { "if-match": "W/ETAG" },
        { "if-modified-since": "DATE" },
        { "if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT" },
        { "if-modified-since": "nonsense" },
        { "if-modified-since": "DATE", "if-none-match": '"x"' },
        { "if-modified-since": "DATE", "if-none-match": "ETAG" },
        { "if-unmodified-since": "DATE" },
        { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" },
      ].map((headers) => ({ range: "bytes=10-19", ...headers })),
    ];
    for (const headers of cases) {
      for (const method of ["GET", "HEAD"]) {
        const [ours, nginxs] = await Promise.all([
          ask(url, filled(headers, whole), method),
          ask(nginxUrl, filled(headers, theirs), method),
        ]);
        expect({ headers, method, ...seen(ours, method) }).toEqual({
          headers,
          method,
          ...seen(nginxs, method),
        });
      }
    }
  });

  const filled = (
    headers: Readonly<Record<string, string>>,
    { headers: said }: Reply,
  ): Record<string, string> =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        value.replace("ETAG", String(said.etag)).replace("DATE", String(said["last-modified"])),
      ]),
    );

  /** What counts of a reply; texts of refusals are everybody's own, boundaries are made by chance. */
  function seen({ status, headers, body }: Reply, method: string) {
    const type = String(headers["content-type"]);
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(type)?.[1];
    const isOk = status === 200 || status === 206;
    return {
      status,
      range: headers["content-range"],
      type: !isOk ? null : boundary === undefined ? type : "multipart/byteranges",
      length: isOk && boundary === undefined ? headers["content-length"] : null,
      isExact: !isOk || method === "HEAD" || Number(headers["content-length"]) === body.length,
      body: isOk ? body.toString("latin1").replaceAll(boundary ?? "\0\0never\0\0", "BOUNDARY") : null,
    };
  }

  async function startNginx(file: Buffer): Promise<void> {
    const port = await freePorts();
    const root = join(folder, "www");
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, "file.mp3"), file);
    const config = join(folder, "nginx.conf");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    writeFileSync(
      config,
      `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http { ${temporary.join(" ")} access_log off; types { audio/mpeg mp3; } server { listen 127.0.0.1:${port}; root ${root}; } }
`,
    );
    nginx = spawnClient("nginx", ["-c", config, "-e", join(folder, "error.log")]);
    nginxUrl = `http://127.0.0.1:${port}/file.mp3`;
    await waitFor("nginx", () =>
      ask(nginxUrl).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  }

  it("is cut between any moments, across broadcasts, primed", async () => {
    const own = await listed();
    const at = (ms: number) => encodeURIComponent(new Date(Date.parse(own.start) + ms).toISOString());
    const path = `${stack.edgeUrl}/archive${encodedMount}`;
    const reply = await ask(`${path}?from=${at(1_000)}&to=${at(3_000)}`);
    expect([reply.status, reply.body.subarray(0, 3).toString()]).toEqual([200, "ID3"]);
    expect(Number(reply.headers["content-length"])).toBe(reply.body.length);
    const part = await ask(`${path}?from=${at(1_000)}&to=${at(3_000)}`, { range: "bytes=1000-29999" });
    expect(part.body.equals(reply.body.subarray(1_000, 30_000))).toBe(true);
    const all = await ask(`${path}?from=${at(0)}`);
    expect(all.body.subarray(-second.frames.length).equals(second.frames)).toBe(true);

    const refused = async (query: string) => {
      const { status, body } = await ask(`${path}?${query}`);
      expect(body.toString()).toContain(`begins at ${own.start}`);
      return status;
    };
    expect(await refused("from=yesterday")).toBe(400);
    expect(await refused("to=2026-01-01T00:00:00Z")).toBe(400);
    expect(await refused(`from=${at(2_000)}&to=${at(1_000)}`)).toBe(400);
    expect(await refused("from=2999-01-01T00:00:00Z")).toBe(400);
    expect(await refused(`from=${at(-3_600_000)}&to=${at(1_000)}`)).toBe(404);
    const later = await ask(`${path}?from=${at(30_000_000)}&to=${at(30_000_001)}`);
    expect(later.status).toBe(400);
  });

  it("is a podcast where the mount says so", async () => {
    const feed = await ask(`${stack.edgeUrl}/archive${encodedMount}/feed.xml`);
    expect(feed.headers["content-type"]).toContain("application/rss+xml");
    const found: Record<string, string>[] = [];
    const texts: string[] = [];
    const parser = new SaxesParser({ xmlns: false });
    parser.on("error", (error) => {
      throw error;
    });
    parser.on("opentag", ({ name, attributes }) => {
      if (name === "enclosure") found.push(attributes);
    });
    parser.on("text", (text) => texts.push(text));
    parser.write(feed.body.toString()).close();
    expect(texts).toContain("Show & Tell");
    const own = await listed();
    const file = await ask(own.url);
    expect(found).toEqual([{ url: own.url, length: String(file.body.length), type: "audio/mpeg" }]);
    const again = await ask(`${stack.edgeUrl}/archive${encodedMount}/feed.xml`, {
      "If-None-Match": String(feed.headers.etag),
    });
    expect(again.status).toBe(304);
    expect((await ask(`${stack.edgeUrl}/archive${other}/feed.xml`)).status).toBe(404);
  });

  it("is on a page, and what is hidden is not", async () => {
    const { body, headers } = await ask(`${stack.edgeUrl}/archive/`);
    const page = body.toString();
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page).toContain("Ann - Öne &amp; &lt;two&gt;");
    expect(page).toContain(`src="/archive${encodedMount}/`);
    expect(page).not.toContain("hidden");
    const day = (await listed()).start.slice(0, 10);
    expect(
      (await ask(`${stack.edgeUrl}/archive/?mount=${encodeURIComponent(other)}&day=${day}`)).body.toString(),
    ).not.toContain("Second");
    expect((await ask(`${stack.edgeUrl}/archive/?day=2001-01-01`)).body.toString()).toContain("Nothing here");
    expect((await ask(`${stack.edgeUrl}/archive/?day=yesterday`)).status).toBe(400);
  });

  it.each(["light", "dark"] as const)(
    "plays and seeks in a browser, in %s, on a phone",
    async (colorScheme) => {
      const browser = await launchBrowser();
      try {
        const context = await browser.newContext({ colorScheme, viewport: { width: 360, height: 740 } });
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => complaints.push(message.text()));
        await page.goto(`${stack.edgeUrl}/archive/?mount=${encodeURIComponent(mount)}`);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
        await page.getByText("3 titles").click();
        if (shots !== undefined) await page.screenshot({ path: join(shots, `archive-${colorScheme}.png`) });
        const audio = page.locator("audio").first();
        await audio.evaluate((element: HTMLAudioElement) => element.play());
        const at = () => audio.evaluate((element: HTMLAudioElement) => element.currentTime);
        await waitFor("it to play", async () => (await at()) > 0.2);
        await audio.evaluate((element: HTMLAudioElement) => {
          element.currentTime = 7;
        });
        await waitFor("it to play on from there", async () => (await at()) > 7.2);
        const seconds = await audio.evaluate((element: HTMLAudioElement) => element.duration);
        expect(Math.abs(seconds - 9.04)).toBeLessThan(0.2);
        expect(complaints).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  it("is there for who knows a hidden mount, as the mount is", async () => {
    const path = `${stack.edgeUrl}/archive${hidden}`;
    const { body } = await ask(`${path}?from=2026-01-01`);
    const from = /begins at (\S+)/.exec(body.toString())?.[1];
    // Its last frames are on air until now, by the clock: they came faster.
    await waitFor("all of it to be there", async () => {
      const reply = await ask(`${path}?from=${from}`);
      return reply.status === 200 && reply.body.subarray(-20_000).equals(second.frames.subarray(-20_000));
    });
  });

  it("grows while it is on air, without a byte that changes", async () => {
    const live = "/live.mp3";
    const source = await loopSource(stack, live, stack.password);
    await waitFor(
      "it to be listed",
      async () => (await list(`?mount=${live}`)).broadcasts.length === 1,
      40_000,
    );
    const own = await listed(live);
    expect(own.end).toBeNull();
    const before = await ask(own.url);
    expect(before.headers["cache-control"]).toBe("no-store");
    expect(Number(before.headers["content-length"])).toBe(before.body.length);
    await waitFor("it to grow", async () => (await listed(live)).bytes > own.bytes, 40_000);
    const after = await ask(own.url);
    expect(after.body.length).toBeGreaterThan(before.body.length);
    expect(after.body.subarray(0, before.body.length).equals(before.body)).toBe(true);
    expect(after.headers.etag).not.toBe(before.headers.etag);
    const at = (ms: number) => encodeURIComponent(new Date(Date.parse(own.start) + ms).toISOString());
    const three = await ask(`${stack.edgeUrl}/archive${live}?from=${at(1_100)}&to=${at(4_100)}`);
    const cut = withoutTag(three.body);
    const frames = cut.subarray(417);
    expect(withoutTag(after.body).includes(frames)).toBe(true);
    expect(Math.abs(frames.length - 48_000)).toBeLessThan(1_000);
    expect(complaintsOfPrograms(three.body)).toEqual([]);
    source.stop();
  });

  it("lets go of who goes away in the middle", async () => {
    const { url } = await listed();
    const { hostname, port, pathname } = new URL(url);
    const socket = await openSocket(Number(port), hostname);
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await readHead(socket);
    socket.destroy();
    expect((await ask(url)).status).toBe(200);
  });
});
