import * as http from "node:http";
import * as https from "node:https";
import { keptConnections } from "./limits.ts";

export interface HttpRequest {
  readonly url: string;
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Ends the exchange; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The exchange rejects after so long. */
  readonly timeoutMs?: number;
  /** A longer reply is an error. 0: nobody reads its body, however long and slow it is; `body` is empty. */
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
  request.signal?.throwIfAborted();
  const first = await attempt(request);
  if (first !== "stale connection") return first;
  const second = await attempt(request, false);
  if (second !== "stale connection") return second;
  throw new Error("the connection was closed before an answer came");
}

function attempt(request: HttpRequest, keptConnection = true): Promise<HttpReply | "stale connection"> {
  const { method, body, signal, timeoutMs, maxReplyBytes } = request;
  return new Promise((resolve, reject) => {
    const outgoing = send(request, keptConnection);
    const abort = () => outgoing.destroy(new Error(reasonOfAbort(signal?.reason)));
    signal?.addEventListener("abort", abort, { once: true });
    const late = () => outgoing.destroy(new Error(tooLate));
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    const settled = () => {
      signal?.removeEventListener("abort", abort);
      clearTimeout(timer);
    };
    let answered = false;
    const fail = (error: Error) => {
      settled();
      const stale = outgoing.reusedSocket && !answered && signal?.aborted !== true;
      if (stale && isReset(error)) resolve("stale connection");
      else reject(error);
    };
    outgoing.on("error", fail);
    outgoing.on("response", (response) => {
      answered = true;
      if (maxReplyBytes === 0) {
        settled();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: "" });
        response.on("error", () => undefined);
        outgoing.destroy();
        return;
      }
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
        settled();
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: parts.length === 0 ? "" : Buffer.concat(parts).toString() });
      });
    });
    if (method === "GET" || method === "HEAD") outgoing.end();
    else outgoing.end(body ?? "");
  });
}

/** Headers go as a list: as an object each is checked, stored and read again, which costs more than to send them. */
function send({ url, method, headers, body }: HttpRequest, keptConnection: boolean): http.ClientRequest {
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const list = ["Host", host];
  for (const name in headers) list.push(name, headers[name] ?? "");
  if (method !== "GET" && method !== "HEAD") {
    list.push("Content-Length", String(body === undefined ? 0 : Buffer.byteLength(body)));
  }
  const isSecure = protocol === "https:";
  const agent = keptConnection ? (isSecure ? secure : plain) : false;
  // IPv6 in a URL has brackets, and a name that is looked up has not.
  const name = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  const to = { host: name, port, path: pathname + search, method, headers: list, agent };
  return isSecure ? https.request(to) : http.request(to);
}

const isReset = (error: Error): boolean =>
  "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

const tooLate = "no answer in time";

const reasonOfAbort = (reason: unknown): string =>
  reason instanceof Error && reason.name === "TimeoutError" ? tooLate : "given up";
