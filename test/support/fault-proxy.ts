import * as http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * pass: as if the proxy were not there. error: 500 at once. hang: taken and never answered. slow: passed on after
 * `slowMs`. cut: the connection is dropped before anything is passed on. lose-reply: passed on, and the connection is
 * dropped when the answer has come.
 */
export type Fault = "pass" | "error" | "hang" | "slow" | "cut" | "lose-reply";

export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: Buffer;
  readonly fault: Fault;
  /** What the server behind the proxy answered; 0 until it has, or when it was never asked. */
  status: number;
}

/** An HTTP server of the test's own between a program and the server it means to talk to. */
export interface FaultProxy {
  readonly url: string;
  /** Every request so far, in the order their bodies were complete. */
  readonly requests: readonly ProxiedRequest[];
  close(): void;
}

const slowMs = 1_500;

/** Opens a proxy on a free port; `decide` says for each request what becomes of it. The Host header is kept: it is signed. */
export async function openFaultProxy(
  target: string,
  decide: (request: Pick<ProxiedRequest, "method" | "path" | "body">) => Fault,
): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const requests: ProxiedRequest[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    request.on("end", () => void answer(request, response, Buffer.concat(parts)));
  });
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse, body: Buffer) => {
    const { method = "GET", url: path = "/", rawHeaders } = request;
    const fault = decide({ method, path, body });
    const proxied: ProxiedRequest = { method, path, body, fault, status: 0 };
    requests.push(proxied);
    if (fault === "hang") return;
    if (fault === "cut") return void request.socket.destroy();
    if (fault === "error") {
      response.writeHead(500, { "Content-Type": "text/plain" }).end("out of order\n");
      return;
    }
    if (fault === "slow") await sleep(slowMs);
    const upstream = http.request({ hostname, port, method, path, headers: rawHeaders, agent: false });
    upstream.on("error", () => request.socket.destroy());
    response.on("close", () => upstream.destroy());
    upstream.on("response", (reply) => {
      proxied.status = reply.statusCode ?? 0;
      reply.on("error", () => request.socket.destroy());
      if (fault === "lose-reply") {
        reply.resume().once("end", () => request.socket.destroy());
        return;
      }
      response.writeHead(reply.statusCode ?? 502, reply.rawHeaders);
      reply.pipe(response);
    });
    upstream.end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
