import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import { errorReply } from "../shared/icecast-reply.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import { bodyFraming } from "../shared/source/body-framing.ts";
import { ChunkedDecoder } from "../shared/source/chunked-decoder.ts";
import { expectsContinue, header, type RequestHead } from "../shared/source/request-head.ts";
import { millis } from "../shared/units.ts";
import { finish, peerAddress } from "./client-socket.ts";
import { idleMs, passOnBodyBytes, passOnBodyMs, passOnReplyMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { encodeTarget, isPrivatePath, type SplitTarget } from "./target.ts";

export interface PassOnOptions {
  readonly edgeUrl: string;
  readonly ingestToken: string;
  readonly log: Log;
}

/** A request whose head has been read; `rest` is what came after it. The socket is paused. */
export interface PassOnRequest {
  readonly socket: Socket;
  readonly head: RequestHead;
  readonly target: SplitTarget;
  readonly rest: Uint8Array;
  readonly secure: boolean;
}

/** Hop-by-hop (RFC 9110 §7.6.1), and what this hop decides itself. */
const hopHeaders = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Names under which only we, Cloudflare or its local runtime (`MF-Original-URL` replaces the target) tell the edge something. */
const reserved = /^(?:x-skywave-|x-forwarded-|cf-|mf-|x-real-ip$|forwarded$|true-client-ip$)/;

const withBody = new Set(["POST", "DELETE"]);

/**
 * Passes a request on to the edge and its answer back, both streaming. The answer leaves as Icecast sends it,
 * `HTTP/1.0` and closed at its end, never chunked: streamripper, mpg123, mplayer and hardware radios cannot read chunks.
 */
export function passOn(request: PassOnRequest, options: PassOnOptions): void {
  const { socket, head, target } = request;
  let answered = false;
  const refuse = (status: 400 | 404 | 413 | 501 | 502, message: string) => {
    answered = true;
    finish(socket, errorReply(status, message, millis(Date.now())));
  };
  if (isPrivatePath(target.path)) return refuse(404, "The file you requested could not be found");
  let body: RequestBody;
  try {
    body = openBody(head);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse(501, error.message);
    throw error;
  }
  if (body.bytes > passOnBodyBytes) return refuse(413, "the request is too large");

  const url = new URL(options.edgeUrl);
  const send = url.protocol === "https:" ? https.request : http.request;
  const upstream = send({
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port,
    method: head.method,
    path: encodeTarget(target),
    headers: edgeHeaders(request, body, { host: url.host, token: options.ingestToken }),
    // A connection of its own: one that the edge has just closed cannot be met, and live replies never end.
    agent: false,
  });
  upstream.setTimeout(passOnReplyMs, () => upstream.destroy(new Error("no answer in time")));
  socket.once("close", () => upstream.destroy());
  let replying = false;
  const fail = (error: Error) => {
    if (replying) socket.destroy();
    if (answered || socket.destroyed) return;
    options.log.warn({ reason: reasonOf(error) }, "the edge did not answer a request");
    refuse(502, "the edge cannot be reached");
  };
  upstream.on("error", fail);
  // Nobody asked for another protocol; without this Node drops the connection and tells nobody.
  upstream.on("upgrade", (_, connection) => {
    connection.destroy();
    fail(new Error("the answer is in another protocol"));
  });
  upstream.on("response", (response) => {
    if (answered) {
      response.destroy();
      return;
    }
    answered = true;
    replying = true;
    upstream.setTimeout(0);
    sendReply(response, socket);
  });
  sendBody(request, body, upstream, () => {
    // An edge that answers before it has the body has said what there is to say.
    if (answered) return;
    refuse(400, "the request's body is malformed, cut off, too large or too slow");
    upstream.destroy();
  });
}

interface RequestBody {
  /** Declared length; 0 without a body or with an unknown length. */
  readonly bytes: number;
  readonly decoder: ChunkedDecoder | null;
}

function openBody(head: RequestHead): RequestBody {
  if (!withBody.has(head.method)) return { bytes: 0, decoder: null };
  const framing = bodyFraming(head);
  if (framing.kind === "chunked") return { bytes: 0, decoder: new ChunkedDecoder() };
  return { bytes: framing.kind === "length" ? framing.bytes : 0, decoder: null };
}

function edgeHeaders(
  { socket, head, secure }: PassOnRequest,
  body: RequestBody,
  edge: { readonly host: string; readonly token: string },
): string[] {
  const named = new Set(
    head.headers
      .filter(({ name }) => name === "connection")
      .flatMap(({ value }) =>
        value
          .toLowerCase()
          .split(",")
          .map((name) => name.trim()),
      ),
  );
  const lines: string[] = ["Host", edge.host, "Connection", "close"];
  for (const { name, value } of head.headers) {
    if (name === "content-length" || hopHeaders.has(name) || named.has(name) || reserved.test(name)) continue;
    lines.push(name, asWireText(value));
  }
  if (body.bytes > 0) lines.push("Content-Length", String(body.bytes));
  else if (body.decoder) lines.push("Transfer-Encoding", "chunked");
  else if (head.method === "POST") lines.push("Content-Length", "0");
  const host = header(head, "host");
  if (host) lines.push("X-Forwarded-Host", asWireText(host));
  lines.push("X-Forwarded-Proto", secure ? "https" : "http", "X-Forwarded-Port", String(socket.localPort));
  lines.push("X-Skywave-Client", peerAddress(socket), "X-Skywave-Ingest", edge.token);
  return lines;
}

/** Node writes header text as Latin-1: one character per byte of its UTF-8. */
const asWireText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** Latin-1, so that raw UTF-8 in a header leaves as the bytes that came. */
function replyHead(response: http.IncomingMessage): string {
  const { rawHeaders, statusCode = 502, statusMessage = "" } = response;
  const named = new Set(
    (response.headers.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  let head = `HTTP/1.0 ${statusCode} ${statusMessage || http.STATUS_CODES[statusCode] || "Unknown"}\r\n`;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (hopHeaders.has(lower) || named.has(lower)) continue;
    head += `${name}: ${rawHeaders[index + 1] ?? ""}\r\n`;
  }
  return `${head}Connection: Close\r\n\r\n`;
}

/**
 * Streams the answer down. It ends when for `idleMs` nothing of it has left: what the client sends meanwhile is no
 * sign that it listens.
 */
function sendReply(response: http.IncomingMessage, socket: Socket): void {
  let open = true;
  const idle = setTimeout(() => socket.destroy(), idleMs);
  const close = () => {
    open = false;
    clearTimeout(idle);
  };
  const onWritten = (error?: Error | null) => {
    if (open && !error) idle.refresh();
  };
  socket.once("close", close);
  socket.write(Buffer.from(replyHead(response), "latin1"), onWritten);
  response.on("error", () => socket.destroy());
  response.on("data", (chunk: Buffer) => {
    if (!socket.write(chunk, onWritten)) response.pause();
  });
  socket.on("drain", () => response.resume());
  response.on("end", () => {
    close();
    finish(socket);
  });
}

/** Streams the body up; what comes after it is read away, so that the end of the connection is seen. */
function sendBody(
  { socket, head, rest }: PassOnRequest,
  body: RequestBody,
  upstream: http.ClientRequest,
  onBroken: () => void,
): void {
  const { decoder } = body;
  let remaining = body.bytes;
  let total = 0;
  let open = remaining > 0 || decoder !== null;
  const giveUp = () => {
    if (!open) return;
    close();
    onBroken();
  };
  const deadline = open ? setTimeout(giveUp, passOnBodyMs) : undefined;
  const close = () => {
    open = false;
    clearTimeout(deadline);
  };
  if (!open) upstream.end();
  else if (expectsContinue(head)) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  const take = (chunk: Uint8Array) => {
    if (!open) return;
    let parts: readonly Uint8Array[];
    try {
      parts = decoder ? decoder.push(chunk) : [chunk.subarray(0, remaining)];
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return giveUp();
    }
    for (const part of parts) {
      total += part.length;
      remaining -= part.length;
      if (total > passOnBodyBytes) return giveUp();
      if (!upstream.write(part)) {
        socket.pause();
        upstream.once("drain", () => socket.resume());
      }
    }
    if (decoder ? decoder.done : remaining <= 0) {
      close();
      upstream.end();
    }
  };
  socket.on("data", take);
  // The body can no longer become whole.
  socket.on("end", giveUp);
  socket.once("close", close);
  if (rest.length > 0) take(rest);
  socket.resume();
}
