import { type ByteRange, parseByteRanges } from "../../shared/byte-ranges.ts";
import { conditionOf, rangeHeader, type Version } from "./conditions.ts";
import { maxRanges } from "./file-limits.ts";
import type { Recording } from "./recording.ts";

/** What a reply says of a recording. */
export interface About extends Version {
  readonly contentType: string;
  /** Cache-Control. */
  readonly cache: string;
  /** Content-Disposition, where it is to have a name. */
  readonly disposition: string | null;
}

/**
 * `GET` or `HEAD` of a recording: conditions, ranges and lengths as nginx has them for a file on disk. `done` is called once, when
 * nothing more is read for this request: it may also have ended by then.
 */
export function recordingReply(
  request: Request,
  recording: Recording,
  about: About,
  done: () => void = () => undefined,
): Response {
  const condition = conditionOf(request.headers, about);
  const headers = new Headers({
    ETag: about.etag,
    "Cache-Control": about.cache,
  });
  if (about.lastModifiedMs !== null)
    headers.set("Last-Modified", new Date(about.lastModifiedMs).toUTCString());
  if (condition !== "send") {
    done();
    return condition === "unchanged"
      ? new Response(null, { status: 304, headers })
      : new Response("the recording is another one\n", { status: 412 });
  }
  const { size } = recording;
  const asked = rangeHeader(request.headers, about);
  const ranges = asked === null ? "whole" : parseByteRanges(asked, size, maxRanges);
  if (ranges === "unsatisfiable") {
    done();
    headers.set("Content-Range", `bytes */${size}`);
    return new Response(`the recording has ${size} bytes\n`, { status: 416, headers });
  }
  headers.set("Accept-Ranges", "bytes");
  if (about.disposition !== null) headers.set("Content-Disposition", about.disposition);
  headers.set("X-Content-Type-Options", "nosniff");
  const parts = ranges === "whole" ? [] : ranges;
  const [first = { from: 0, to: size }] = parts;
  const body = parts.length > 1 ? severalParts(recording, parts, about) : onePart(recording, first, about);
  headers.set("Content-Type", body.contentType);
  headers.set("Content-Length", String(body.length));
  if (parts.length === 1) headers.set("Content-Range", contentRange(first, size));
  const status = ranges === "whole" ? 200 : 206;
  if (request.method === "HEAD") {
    done();
    return new Response(null, { status, headers });
  }
  if (recording.bytes && parts.length <= 1) {
    done();
    return new Response(recording.bytes.subarray(first.from, first.to), { status, headers });
  }
  return new Response(streamOf(body, done), { status, headers });
}

interface Body {
  readonly contentType: string;
  readonly length: number;
  parts(): AsyncGenerator<Uint8Array>;
}

const onePart = (recording: Recording, { from, to }: ByteRange, { contentType }: About): Body => ({
  contentType,
  length: to - from,
  parts: () => recording.read(from, to),
});

/** multipart/byteranges (RFC 9110 §14.6). */
function severalParts(recording: Recording, ranges: readonly ByteRange[], { contentType }: About): Body {
  // What is in the file cannot be known: twenty digits of chance are in none.
  const boundary = Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => byte % 10).join("");
  const encoder = new TextEncoder();
  const heads = ranges.map((range) =>
    encoder.encode(
      `\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, recording.size)}\r\n\r\n`,
    ),
  );
  const end = encoder.encode(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    length:
      ranges.reduce((sum, { from, to }) => sum + to - from, end.length) +
      heads.reduce((sum, head) => sum + head.length, 0),
    async *parts() {
      for (const [index, { from, to }] of ranges.entries()) {
        yield heads[index] ?? new Uint8Array(0);
        yield* recording.read(from, to);
      }
      yield end;
    },
  };
}

const contentRange = ({ from, to }: ByteRange, size: number): string => `bytes ${from}-${to - 1}/${size}`;

/**
 * A part is read when the one before has been taken: what a slow reader holds up is one part. One that cannot be read ends the
 * connection before the promised length, so that nobody takes it for the end.
 */
function streamOf(body: Body, done: () => void): ReadableStream {
  const { readable, writable } = new FixedLengthStream(body.length);
  void pump(body.parts(), writable).finally(done);
  return readable;
}

async function pump(parts: AsyncGenerator<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter();
  // Also while a part is read: nobody is told of a reader who has gone otherwise.
  writer.closed.catch(() => undefined);
  let isReading = true;
  try {
    for await (const part of parts) {
      isReading = false;
      await writer.write(part);
      isReading = true;
    }
    await writer.close();
  } catch (error) {
    if (isReading) console.warn("a recording was cut off", String(error));
    await writer.abort(error).catch(() => undefined);
  }
}
