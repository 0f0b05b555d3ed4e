import { SaxesParser } from "saxes";

/** An object as a listing of its bucket names it. */
export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** As it stands in a header: in quotes. */
  readonly etag: string;
  /** When it was put, ms since the Unix epoch, on storage's clock. */
  readonly putMs: number;
}

/** One version of an object, of which a part or the whole may be read. */
export type ObjectVersion = Omit<ListedObject, "putMs">;

/** A page of ListObjectsV2. */
export interface ListingPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

/** The answer to ListObjectsV2, best asked for with `encoding-type=url`. Throws Error when it is none. */
export function parseListing(xml: string): ListingPage {
  const parser = new SaxesParser();
  const path: string[] = [];
  const objects: ListedObject[] = [];
  let fields: Record<string, string> = {};
  const page: Record<string, string> = {};
  let text = "";
  parser.on("error", (error) => {
    throw new Error(`the listing is no XML: ${error.message}`);
  });
  parser.on("doctype", () => {
    throw new Error("the listing has a document type");
  });
  parser.on("opentag", ({ name }) => {
    path.push(name);
    text = "";
    if (path.length > 8) throw new Error("the listing is nested too deep");
  });
  const add = (more: string) => void (text += more);
  parser.on("text", add);
  parser.on("cdata", add);
  parser.on("closetag", () => {
    const name = path.pop() ?? "";
    if (path.length === 1 && name === "Contents") {
      objects.push(objectOf(fields));
      fields = {};
    } else if (path.length === 1) page[name] = text;
    else if (path.length === 2 && path[1] === "Contents") fields[name] = text;
    if (path.length === 0 && name !== "ListBucketResult")
      throw new Error(`expected a listing, got <${name}>`);
    text = "";
  });
  parser.write(xml).close();

  const isEncoded = page["EncodingType"] === "url";
  const isTruncated = page["IsTruncated"] === "true";
  const next = page["NextContinuationToken"] ?? "";
  if (isTruncated && next === "") throw new Error("the listing goes on, but does not say where");
  return {
    objects: isEncoded ? objects.map((each) => ({ ...each, key: urlDecoded(each.key) })) : objects,
    next: isTruncated ? next : null,
  };
}

function objectOf({ Key, Size, ETag, LastModified }: Record<string, string>): ListedObject {
  const size = /^\d+$/.test(Size ?? "") ? Number(Size) : Infinity;
  const putMs = Date.parse(LastModified ?? "");
  if (!Key || !ETag || !Number.isSafeInteger(size) || !Number.isFinite(putMs))
    throw new Error("the listing has an object without a key, a size, a date or an ETag");
  return { key: Key, size, etag: ETag.startsWith('"') ? ETag : `"${ETag}"`, putMs };
}

function urlDecoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    throw new Error(`the listing has a key that cannot be decoded: ${JSON.stringify(key)}`);
  }
}
