import * as http from "node:http";
import { afterEach, expect, test } from "vitest";
import { S3SegmentStore } from "../../ingest/segment-store.ts";
import { StorageClock } from "../../ingest/storage-clock.ts";

const object = { body: Uint8Array.of(1, 2, 3), contentType: "audio/mpeg", metadata: { a: "1" } };
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

/** As storage does it: a signature that is a quarter of an hour away is refused. */
function refuseSkewed(request: http.IncomingMessage, response: http.ServerResponse): void {
  const date = String(request.headers["x-amz-date"]);
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const skewed = !(Math.abs(Date.parse(iso) - Date.now()) < 900_000);
  response.writeHead(skewed ? 403 : 200).end(skewed ? "<Code>RequestTimeTooSkewed</Code>" : "");
}

const storeAt = (bucketUrl: string, local: () => number = Date.now, lines: unknown[] = []) =>
  new S3SegmentStore(
    { bucketUrl, accessKeyId: "id", secretAccessKey: "key" },
    { clock: new StorageClock(local), log: { warn: (...line: unknown[]) => void lines.push(line) } },
  );

test("a host whose clock jumps by an hour goes on storing, and says so once for each jump", async () => {
  let offsetMs = 0;
  const lines: unknown[] = [];
  const store = storeAt(await serve(refuseSkewed), () => Date.now() + offsetMs, lines);
  const put = (key: string) => store.put(key, object, AbortSignal.timeout(5_000));
  for (const jump of [0, 3_600_000, -3_600_000, 0]) {
    offsetMs = jump;
    expect(await put("v1/a")).toBe("stored");
    expect(await put("v1/b")).toBe("stored");
  }
  expect(lines).toHaveLength(3);
});

test("a refusal at the right time is a refusal, tried once", async () => {
  let requests = 0;
  const url = await serve((_, response) => {
    requests++;
    response.writeHead(403).end();
  });
  const put = storeAt(url).put("v1/a", object, AbortSignal.timeout(5_000));
  await expect(put).rejects.toMatchObject({ name: "StoreError", status: 403 });
  expect(requests).toBe(1);
});

test.each([
  [503, "7", 7_000],
  [429, "0", 0],
  [500, "7", undefined],
  [503, "Sat, 21 Nov 2026 06:26:16 GMT", undefined],
])("an answer %i with Retry-After %s asks for a wait of %s ms", async (status, retryAfter, retryAfterMs) => {
  const url = await serve((_, response) => response.writeHead(status, { "Retry-After": retryAfter }).end());
  const put = storeAt(url).put("v1/a", object, AbortSignal.timeout(5_000));
  const error: unknown = await put.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "StoreError", status });
  expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
});
