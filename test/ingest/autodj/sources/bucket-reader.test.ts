import * as http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BucketReader } from "../../../../ingest/autodj/sources/bucket-reader.ts";
import { listingPages } from "../../../../ingest/autodj/sources/limits.ts";

/** A store that answers as it likes. */
let answer: (page: number) => string;
let asked = 0;
let server: http.Server;
let reader: BucketReader;
beforeAll(async () => {
  server = http.createServer((_, response) => {
    response.end(`<ListBucketResult>${answer(asked++)}</ListBucketResult>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const storage = { bucketUrl: `http://127.0.0.1:${port}/b`, accessKeyId: "a", secretAccessKey: "b" };
  reader = new BucketReader(storage, { warn: () => undefined });
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const list = () => {
  asked = 0;
  return reader.list("music/", new AbortController().signal);
};
const goesOn = (token: string) =>
  `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;
const contents = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><ETag>e</ETag><LastModified>2026</LastModified></Contents>`;

describe("a listing of a store that does as it likes", () => {
  it("ends when it would go on for ever", async () => {
    answer = (page) => goesOn(`after ${page}`);
    await expect(list()).rejects.toThrow("the listing does not end");
    expect(asked).toBe(listingPages);
  });

  it("ends when it goes round", async () => {
    answer = () => goesOn("again");
    await expect(list()).rejects.toThrow("the listing does not go on");
    expect(asked).toBe(2);
  });

  it("has nothing that was not asked for", async () => {
    answer = () => ["music/a.mp3", "v1/secret.mp3", "../other/b.mp3", "music"].map(contents).join("");
    expect((await list()).map(({ key }) => key)).toEqual(["music/a.mp3"]);
  });
});
