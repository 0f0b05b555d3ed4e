import * as http from "node:http";
import { createServer } from "node:net";

/*
 * The least that a Node process can do for sources: takes every login, reads what comes, PUTs it every two seconds and
 * announces that. Looks at no frame and signs nothing. What an ingest in Node costs beyond this is its own. Told by its parent
 * where to listen and where storage is, see bare-ingest.ts.
 */

/** Two seconds of 128 kb/s. */
const segmentBytes = 32_000;

const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 256 });

function send(to: URL, method: "PUT" | "POST", path: string, body: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const { hostname, port, host } = to;
    const headers = ["Host", host, "Content-Length", String(body.length)];
    const request = http.request({ hostname, port, path, method, agent, headers }, (reply) => {
      reply.resume();
      reply.once("end", resolve);
    });
    // A benchmark that cannot store has nothing to say; the count of what was stored shows it.
    request.once("error", () => resolve());
    request.end(body);
  });
}

function listen({ port, storeUrl }: { readonly port: number; readonly storeUrl: string }): void {
  const store = new URL(storeUrl);
  let sources = 0;
  const server = createServer((socket) => {
    const mount = `bench-${sources++}.mp3`;
    let parts: Buffer[] = [];
    let size = 0;
    let sequence = 0;
    const publish = async (body: Buffer, name: string): Promise<void> => {
      await send(store, "PUT", `/bucket/v1/${mount}/0000000001/${name}.mp3`, body);
      const announcement = JSON.stringify({ mount: `/${mount}`, segment: { sequence: Number(name) } });
      await send(store, "POST", "/ingest/v1/announce", Buffer.from(announcement));
    };
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.0 200 OK\r\n\r\n");
      socket.on("data", (chunk: Buffer) => {
        parts.push(chunk);
        size += chunk.length;
        if (size < segmentBytes) return;
        void publish(Buffer.concat(parts), String(sequence++).padStart(10, "0"));
        parts = [];
        size = 0;
      });
    });
  });
  server.listen(port, "127.0.0.1", () => process.send?.("listening"));
}

process.on("message", listen);
process.on("disconnect", () => process.exit());
