import * as http from "node:http";
import * as https from "node:https";
import { keptConnections } from "./limits.ts";

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Ends the exchange; it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** A longer reply is an error. */
  readonly maxReplyBytes: number;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

const options = { keepAlive: true, maxFreeSockets: keptConnections };
const plain = new http.Agent(options);
const secure = new https.Agent(options);

/**
 * One request and its whole reply over connections that are kept. Not `fetch`: in a profile of this process it is the
 * largest single cost of a segment's way through. Requests must be safe to repeat: one that meets a kept connection just as
 * the other side closes it is sent again.
 */
export async function exchange(request: HttpRequest): Promise<HttpReply> {
  request.signal.throwIfAborted();
  const first = await attempt(request);
  if (first !== "stale connection") return first;
  const second = await attempt(request, false);
  if (second !== "stale connection") return second;
  throw new Error("the connection was closed before an answer came");
}

function attempt(request: HttpRequest, keptConnection = true): Promise<HttpReply | "stale connection"> {
  const { url, method, headers, body, signal, maxReplyBytes } = request;
  const isSecure = url.startsWith("https:");
  const agent = isSecure ? secure : plain;
  const send = isSecure ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const outgoing = send(url, {
      method,
      headers:
        method === "GET" || method === "HEAD" ? headers : { ...headers, "Content-Length": String(length) },
      agent: keptConnection ? agent : false,
    });
    const abort = () => outgoing.destroy(new Error(reasonOfAbort(signal)));
    signal.addEventListener("abort", abort, { once: true });
    let answered = false;
    const fail = (error: Error) => {
      signal.removeEventListener("abort", abort);
      const stale = outgoing.reusedSocket && !answered && !signal.aborted;
      if (stale && isReset(error)) resolve("stale connection");
      else reject(error);
    };
    outgoing.on("error", fail);
    outgoing.on("response", (response) => {
      answered = true;
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > maxReplyBytes)
          outgoing.destroy(new Error(`the reply is longer than ${maxReplyBytes} bytes`));
        else parts.push(part);
      });
      response.on("error", fail);
      response.on("end", () => {
        signal.removeEventListener("abort", abort);
        const { statusCode: status = 0, headers: replyHeaders } = response;
        resolve({ status, headers: replyHeaders, body: Buffer.concat(parts).toString() });
      });
    });
    outgoing.end(body);
  });
}

const isReset = (error: Error): boolean =>
  "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

function reasonOfAbort(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return reason instanceof Error && reason.name === "TimeoutError" ? "no answer in time" : "given up";
}
