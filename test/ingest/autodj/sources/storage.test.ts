import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { AwsClient } from "aws4fetch";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { IngestSettings, MusicPlace } from "../../../../config/ingest-settings.ts";
import type { ObjectVersion } from "../../../../ingest/bucket-listing.ts";
import { BucketReader } from "../../../../ingest/autodj/sources/bucket-reader.ts";
import { ObjectCache } from "../../../../ingest/autodj/sources/object-cache.ts";
import { freePorts } from "../../../support/free-port.ts";
import { waitFor } from "../../../support/wait.ts";
import { Collection, namesOf, untilNames } from "./collection.ts";

/** R2 as the local stack has it, with the S3 endpoint that the ingest speaks to. */
let runtime: Miniflare;
let storage: IngestSettings["storage"];
let client: AwsClient;
beforeAll(async () => {
  const port = await freePorts();
  const s3Credentials = { accessKeyId: "a".repeat(32), secretAccessKey: "b".repeat(64) };
  runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default {}",
      compatibilityDate: "2026-01-01",
      r2Buckets: { MUSIC: { id: "music", s3Credentials } },
      host: "127.0.0.1",
      port,
      cf: false,
    }),
  );
  await runtime.ready;
  storage = { bucketUrl: `http://127.0.0.1:${port}/cdn-cgi/local/r2/s3/music`, ...s3Credentials };
  client = new AwsClient({ ...s3Credentials, service: "s3", region: "auto", retries: 0 });
});
afterAll(() => runtime.dispose());

const put = async (key: string, body: string): Promise<void> => {
  const path = encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
  const response = await client.fetch(`${storage.bucketUrl}/${path}`, { method: "PUT", body });
  expect(response.status).toBe(200);
};
const remove = (key: string) => client.fetch(`${storage.bucketUrl}/${key}`, { method: "DELETE" });
const place = (prefix: string): MusicPlace => ({ kind: "storage", prefix, shown: `storage:${prefix}` });

let music: Collection;
beforeEach(() => {
  music = new Collection();
});
afterEach(() => music.close());

describe("music in the station's bucket", () => {
  it("is what begins with the prefix and ends in .mp3, in natural order, and its bytes are fetched", async () => {
    const names = ["2.mp3", "10.MP3", "a b+c&d'e(1)*!.mp3", '한국 %41 <x>"#?.mp3'];
    for (const name of [...names, "cover.jpg", ".hidden.mp3", "sub/.h/x.mp3"])
      await put(`one/${name}`, `bytes of ${name}`);
    await put("other/3.mp3", "no");
    const sources = await music.open([place("one/")], { storage });
    expect(namesOf(sources)).toEqual(names);
    expect(sources.files[0]?.id).toBe("storage:one/2.mp3");
    for (const file of sources.files) {
      const path = await file.path();
      expect(readFileSync(path, "utf8")).toBe(`bytes of ${file.name}`);
      expect(await file.path()).toBe(path);
    }
    expect(
      readdirSync(join(music.folder, "cache", "objects")).filter((name) => !name.endsWith(".mp3")),
    ).toEqual([]);
  });

  it("is listed again, and what was replaced is another version", async () => {
    await put("two/a.mp3", "old");
    await put("two/b.mp3", "b");
    const sources = await music.open([place("two/")], { storage, reloadMs: 500 });
    const [before, kept] = sources.files;
    await put("two/a.mp3", "new!");
    await put("two/c.mp3", "c");
    await untilNames(sources, "a.mp3", "b.mp3", "c.mp3");
    await waitFor("another version", () => sources.files[0]?.version !== before?.version, 5_000);
    expect(sources.files[1]).toBe(kept);
    expect(readFileSync((await sources.files[0]?.path()) ?? "", "utf8")).toBe("new!");
    await remove("two/b.mp3");
    await untilNames(sources, "a.mp3", "c.mp3");
  });

  it("that was replaced since it was listed is refused, and listed again at once", async () => {
    await put("three/a.mp3", "old");
    const sources = await music.open([place("three/")], { storage });
    await put("three/a.mp3", "new");
    const [before] = sources.files;
    await expect(before?.path()).rejects.toMatchObject({ status: 412 });
    await waitFor("another version", () => sources.files[0]?.version !== before?.version, 5_000);
    expect(readFileSync((await sources.files[0]?.path()) ?? "", "utf8")).toBe("new");
  });

  it("has more than a page", async () => {
    const keys = Array.from({ length: 1_100 }, (_, index) => `many/${index}.mp3`);
    for (let from = 0; from < keys.length; from += 50)
      await Promise.all(keys.slice(from, from + 50).map((key) => put(key, "x")));
    const sources = await music.open([place("many/")], { storage });
    expect(namesOf(sources)).toEqual(keys.map((key) => key.slice("many/".length)));
  }, 60_000);

  describe("behind a line that may fail", () => {
    let line: "up" | "down" | "stuck" = "up";
    let proxy: http.Server;
    let behind: IngestSettings["storage"];
    beforeEach(async () => {
      line = "up";
      const target = new URL(storage.bucketUrl);
      proxy = http.createServer((request, response) => {
        if (line === "stuck") return;
        if (line === "down") {
          response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
          return;
        }
        const { url, headers } = request;
        const to = { host: target.hostname, port: target.port, path: url, headers };
        http.get(to, (reply) => void reply.pipe(response.writeHead(reply.statusCode ?? 500, reply.headers)));
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      const address = proxy.address();
      const port = typeof address === "object" ? address?.port : 0;
      behind = { ...storage, bucketUrl: storage.bucketUrl.replace(target.host, `127.0.0.1:${port}`) };
    });
    afterEach(() => {
      proxy.close();
      proxy.closeAllConnections();
    });

    it("is waited for while storage does not answer, and stays when it stops answering", async () => {
      await put("four/a.mp3", "x");
      line = "down";
      const sources = await music.open([place("four/"), music.place()], { storage: behind, reloadMs: 200 });
      expect(sources.files).toEqual([]);
      line = "up";
      await untilNames(sources, "a.mp3");
      line = "down";
      music.write("b.mp3");
      await untilNames(sources, "a.mp3", "b.mp3");
      const ofStorage = () => music.warnings.filter((each) => each.includes("four"));
      await waitFor("the second warning", () => ofStorage().length === 2);
      expect(ofStorage()).toEqual(Array(2).fill('{"place":"storage:four/","reason":"storage answered 503"}'));
      expect(namesOf(sources)).toEqual(["a.mp3", "b.mp3"]);
    });

    it("holds up no other place while storage says nothing", async () => {
      await put("five/a.mp3", "x");
      music.write("b.mp3");
      line = "stuck";
      const sources = await music.open([place("five/"), music.place()], { storage: behind });
      expect(namesOf(sources)).toEqual(["b.mp3"]);
      music.write("c.mp3");
      await untilNames(sources, "b.mp3", "c.mp3");
    });
  });
});

describe("objects kept on this host", () => {
  const object = (
    key: string,
    body: string,
    etag = `"${createHash("md5").update(body).digest("hex")}"`,
  ): ObjectVersion => ({
    key,
    size: body.length,
    etag,
  });
  const cacheOf = (bodies: Readonly<Record<string, string>>, maxBytes = 1_000) => {
    const reads: string[] = [];
    const cache = new ObjectCache({
      dir: join(music.folder, "objects"),
      maxBytes,
      async *read({ key }) {
        reads.push(key);
        for (const letter of bodies[key] ?? "") yield Buffer.from(letter);
      },
    });
    const path = (key: string) => cache.path(object(key, bodies[key] ?? ""), new AbortController().signal);
    caches.push(cache);
    return { cache, reads, path };
  };
  const never = new AbortController().signal;
  const caches: ObjectCache[] = [];
  afterEach(() => {
    for (const cache of caches.splice(0)) cache.close();
  });

  it("are fetched once, also for many who ask at once", async () => {
    const { reads, path } = cacheOf({ a: "hello" });
    const paths = await Promise.all([path("a"), path("a"), path("a")]);
    expect(new Set(paths).size).toBe(1);
    expect(readFileSync(paths[0], "utf8")).toBe("hello");
    await path("a");
    expect(reads).toEqual(["a"]);
  });

  it.each([
    ["shorter", "hell", undefined],
    ["longer", "hello!", undefined],
    ["other bytes", "hallo", undefined],
  ])("are not there when what came is %s", async (_, came) => {
    const { cache } = cacheOf({ a: came });
    await expect(cache.path(object("a", "hello"), never)).rejects.toThrow(/bytes|damaged/);
    expect(readdirSync(join(music.folder, "objects"))).toEqual([]);
  });

  it("of several parts have an ETag that is no hash of them", async () => {
    const { cache } = cacheOf({ a: "hello" });
    expect(readFileSync(await cache.path(object("a", "hello", '"0123-2"'), never), "utf8")).toBe("hello");
  });

  it("are fetched again when the file was damaged or removed", async () => {
    const { reads, path } = cacheOf({ a: "hello" });
    const file = await path("a");
    writeFileSync(file, "hel");
    expect(readFileSync(await path("a"), "utf8")).toBe("hello");
    rmSync(file);
    expect(readFileSync(await path("a"), "utf8")).toBe("hello");
    expect(reads).toHaveLength(3);
  });

  it("go when there are too many bytes: those asked for longest ago, never the last few", async () => {
    const bodies = Object.fromEntries(Array.from("abcdefgh").map((key) => [key, key.repeat(100)]));
    const { path } = cacheOf(bodies, 550);
    const files = new Map<string, string>();
    for (const key of "abcde") files.set(key, await path(key));
    await path("a");
    for (const key of "fg") files.set(key, await path(key));
    const there = [...files].filter(([, file]) => existsSync(file)).map(([key]) => key);
    expect(there).toEqual(["a", "d", "e", "f", "g"]);
    await expect(cacheOf({ x: "x".repeat(600) }, 550).path("x")).rejects.toThrow(/larger/);
  });

  it("stay beyond the bound as long as they are the last few", async () => {
    const bodies = Object.fromEntries(Array.from("abcdef").map((key) => [key, key.repeat(100)]));
    const { path } = cacheOf(bodies, 150);
    const files: string[] = [];
    for (const key of "abcdef") files.push(await path(key));
    expect(files.map((file) => existsSync(file))).toEqual([false, false, true, true, true, true]);
  });

  it("stay for another who shares the folder, until that one is closed", async () => {
    const bodies = Object.fromEntries(Array.from("abcdef").map((key) => [key, key.repeat(100)]));
    const [one, two] = [cacheOf(bodies, 150), cacheOf(bodies, 150)];
    const played = await one.path("a");
    for (const key of "bcd") await two.path(key);
    expect(existsSync(played)).toBe(true);
    one.cache.close();
    await two.path("e");
    expect(existsSync(played)).toBe(false);
  });

  it("are given up when nobody waits for them any more, and not before", async () => {
    const reads: string[] = [];
    const cache = new ObjectCache({
      dir: join(music.folder, "objects"),
      async *read(_, signal) {
        reads.push("begun");
        yield Buffer.from("he");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        reads.push("ended");
        throw new Error("ended");
      },
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const reasonOf = (path: Promise<string>) => path.catch((error: unknown) => String(error));
    const first = reasonOf(cache.path(object("a", "hello"), one.signal));
    const second = reasonOf(cache.path(object("a", "hello"), two.signal));
    await waitFor("the fetch", () => reads.length > 0);
    one.abort();
    expect(await first).toBe("BucketError: given up");
    expect(reads).toEqual(["begun"]);
    two.abort();
    expect(await second).toBe("BucketError: given up");
    await waitFor("the fetch to end", () => reads.at(-1) === "ended");
    await waitFor("nothing to be left", () => readdirSync(join(music.folder, "objects")).length === 0);
  });
});

it("a signature with a wrong key is refused by storage, and says so", async () => {
  const reader = new BucketReader({ ...storage, secretAccessKey: "c".repeat(64) }, { warn: () => undefined });
  await expect(reader.list("x/", AbortSignal.timeout(5_000))).rejects.toMatchObject({
    name: "BucketError",
    status: 403,
  });
});
