import * as http from "node:http";
import { afterEach, expect, test } from "vitest";
import { ObjectStore, StorageError } from "../../../ingest/library/object-store.ts";

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: http.RequestListener): Promise<string> {
  const server = http.createServer((request, response) => {
    request.resume().once("end", () => listener(request, response));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was bound");
  return `http://127.0.0.1:${address.port}/bucket`;
}

interface Opened {
  readonly store: ObjectStore;
  readonly troubles: string[];
}

function open(bucketUrl: string, given: Partial<ConstructorParameters<typeof ObjectStore>[1]> = {}): Opened {
  const troubles: string[] = [];
  const storage = { bucketUrl, accessKeyId: "id", secretAccessKey: "a secret" };
  const onTrouble = (reason: string) => void troubles.push(reason);
  return {
    store: new ObjectStore(storage, { signal: AbortSignal.timeout(20_000), onTrouble, ...given }),
    troubles,
  };
}

const object = { body: Uint8Array.of(1, 2, 3), contentType: "audio/mpeg", metadata: { a: "1" } };

test("a put that storage refuses for a while, with and without an answer, is made in the end; the trouble is told once", async () => {
  let asked = 0;
  const url = await serve((request, response) => {
    asked++;
    if (asked === 1) return response.writeHead(503, { "Retry-After": "0" }).end("<Code>SlowDown</Code>");
    if (asked === 2) return request.socket.destroy();
    if (asked === 3) return response.writeHead(500).end();
    return response.writeHead(200, { ETag: '"x"' }).end();
  });
  const { store, troubles } = open(url);
  expect(await store.put("k", object, "absent")).toBe(true);
  expect(troubles).toEqual(["storage answered 503 SlowDown"]);
  expect(asked).toBe(4);
});

test("a storage that fails for too long ends it, with its own words", async () => {
  const url = await serve((_, response) => response.writeHead(503).end());
  let clock = 0;
  const { store } = open(url, { now: () => (clock += 400), patienceMs: 1_000 });
  await expect(store.has("k")).rejects.toMatchObject({ name: "StorageError", status: 503 });
});

test("what is refused for good is not tried again, and the secret is in no message", async () => {
  let asked = 0;
  const url = await serve((_, response) => {
    asked++;
    response.writeHead(403).end("<Error><Code>SignatureDoesNotMatch</Code></Error>");
  });
  const { store, troubles } = open(url);
  const failure: unknown = await store.put("k", object).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StorageError);
  expect(String(failure)).toBe("StorageError: storage answered 403 SignatureDoesNotMatch");
  expect([asked, troubles]).toEqual([1, []]);
});

test("conditions go with a put, and one that does not hold is no failure", async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => {
    seen.push([request.headers["if-match"], request.headers["if-none-match"]]);
    response.writeHead(seen.length === 3 ? 412 : 200).end();
  });
  const { store } = open(url);
  expect(await store.put("k", object, "absent")).toBe(true);
  expect(await store.put("k", object, { etag: '"e"' })).toBe(true);
  expect(await store.put("k", object, { etag: '"f"' })).toBe(false);
  expect(seen).toEqual([
    [undefined, "*"],
    ['"e"', undefined],
    ['"f"', undefined],
  ]);
});

test("a listing of several pages is read to its end, each page when it is wanted", async () => {
  const asked: string[] = [];
  const entry = (key: string, size: number) =>
    `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-11-21T10:00:00.000Z</LastModified></Contents>`;
  const url = await serve((request, response) => {
    asked.push(request.url ?? "");
    const second = (request.url ?? "").includes("continuation-token");
    const page = second ? entry("p/c", 3) : `${entry("p/a", 1)}${entry("p/b", 2)}`;
    const more = second
      ? ""
      : "<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>";
    response.writeHead(200).end(`<ListBucketResult>${more}${page}</ListBucketResult>`);
  });
  const { store } = open(url);
  const listed = [];
  for await (const each of store.list("p/ q")) listed.push(each);
  const putMs = Date.UTC(2026, 10, 21, 10);
  expect(listed).toEqual([
    { key: "p/a", size: 1, etag: '"e"', putMs },
    { key: "p/b", size: 2, etag: '"e"', putMs },
    { key: "p/c", size: 3, etag: '"e"', putMs },
  ]);
  expect(asked.map((each) => new URL(each, url).searchParams.get("prefix"))).toEqual(["p/ q", "p/ q"]);
  expect(new URL(asked[1] ?? "", url).searchParams.get("continuation-token")).toBe("t+/=");
});

test("an interruption ends what waits for another try", async () => {
  const url = await serve((_, response) => response.writeHead(503, { "Retry-After": "30" }).end());
  const stopping = new AbortController();
  const { store } = open(url, {
    signal: stopping.signal,
    onTrouble: () => stopping.abort(new Error("stopped")),
  });
  await expect(store.get("k")).rejects.toThrow("abort");
});
