import { openSocket } from "../../support/raw-request.ts";

/** A reply taken apart for comparison. */
export interface Reply {
  readonly status: string;
  /** Values in order, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a reply that does not end by itself: empty, it is audio. */
  readonly body: string;
  readonly ends: boolean;
}

/** How long a server that has answered may be silent before its reply is taken for one that does not end, ms. */
const quietMs = 700;
/** A server may be busy with what came before. */
const patienceMs = 12_000;

/** Sends a request and reads the reply until the server closes, or has answered and sends no more than a stream. */
export async function exchange(port: number, request: string): Promise<Reply> {
  const socket = await openSocket(port);
  let received = Buffer.alloc(0);
  const ends = await new Promise<boolean>((resolve) => {
    const patience = setTimeout(() => resolve(false), patienceMs);
    let quiet: NodeJS.Timeout | undefined;
    const done = (closed: boolean) => {
      clearTimeout(patience);
      clearTimeout(quiet);
      resolve(closed);
    };
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.includes("\r\n\r\n")) quiet ??= setTimeout(() => done(false), quietMs);
    });
    socket.once("end", () => done(true));
    socket.once("close", () => done(true));
    socket.write(Buffer.from(request, "latin1"));
  });
  socket.destroy();
  return takenApart(received.toString("latin1"), ends);
}

function takenApart(text: string, ends: boolean): Reply {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return { status: text, headers: {}, body: "", ends };
  const [status = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = (colon < 0 ? line : line.slice(0, colon)).toLowerCase();
    const value = colon < 0 ? "" : line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const isAudio = !ends && (headers["content-type"] ?? "").startsWith("audio/mpeg");
  const hasMore = text.startsWith("HTTP/1.1 100");
  return { status, headers, body: isAudio ? "" : text.slice(headEnd + (hasMore ? 0 : 4)), ends };
}
