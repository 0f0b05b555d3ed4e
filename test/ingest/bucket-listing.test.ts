import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseListing } from "../../ingest/bucket-listing.ts";

const contents = (key: string, etag = "&quot;e&quot;", size = "5") =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-21T14:59:59.005Z</LastModified><Size>${size}</Size><ETag>${etag}</ETag><Owner><ID>1</ID><Key>no</Key></Owner></Contents>`;
const listing = (...parts: readonly string[]) =>
  `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${parts.join("")}</ListBucketResult>`;

const putMs = Date.UTC(2026, 10, 21, 14, 59, 59, 5);

describe("a listing of a bucket", () => {
  it("has keys with entities, and ETags as they stand in headers", () => {
    const xml = listing(
      contents("a&amp;b&#44256;&lt;.mp3"),
      contents("c", "abc"),
      "<IsTruncated>false</IsTruncated>",
    );
    expect(parseListing(xml)).toEqual({
      objects: [
        { key: "a&b고<.mp3", size: 5, etag: '"e"', putMs },
        { key: "c", size: 5, etag: '"abc"', putMs },
      ],
      next: null,
    });
  });

  it("has its keys decoded where it says that they are encoded", () => {
    const xml = listing(contents("a%20b%2Bc+d%00"), "<EncodingType>url</EncodingType>");
    expect(parseListing(xml).objects[0]?.key).toBe("a b+c d\0");
  });

  it("says where it goes on", () => {
    const xml = listing(
      "<NextContinuationToken>a&amp;b</NextContinuationToken><IsTruncated>true</IsTruncated>",
    );
    expect(parseListing(xml)).toEqual({ objects: [], next: "a&b" });
  });

  it.each([
    ["no XML", "not found"],
    ["an error", "<Error><Code>NoSuchBucket</Code></Error>"],
    ["cut off", listing(contents("a")).slice(0, -5)],
    ["with an object without a size", listing(contents("a", "e", ""))],
    [
      "with an object without a date",
      listing(contents("a").replace(/<LastModified>[^<]*/, "<LastModified>")),
    ],
    ["with a document type", `<!DOCTYPE x [<!ENTITY a "b">]>${listing()}`],
    ["that goes on nowhere", listing("<IsTruncated>true</IsTruncated>")],
    ["with a key that is wrongly encoded", listing(contents("%zz"), "<EncodingType>url</EncodingType>")],
    ["that is nested without an end", "<a>".repeat(100)],
  ])("is refused when it is %s", (_, xml) => {
    expect(() => parseListing(xml)).toThrow(/listing/);
  });

  it("is read, or refused, whatever is cut out of it", () => {
    const xml = listing(
      contents("a%20b"),
      "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>",
    );
    fc.assert(
      fc.property(fc.nat(xml.length), fc.nat(20), fc.string({ maxLength: 3 }), (at, count, instead) => {
        try {
          parseListing(xml.slice(0, at) + instead + xml.slice(at + count));
        } catch (error) {
          expect((error as Error).message).toMatch(/listing/);
        }
      }),
    );
  });
});
