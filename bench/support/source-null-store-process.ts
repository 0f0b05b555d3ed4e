import * as http from "node:http";
import { ingestApiPrefix } from "../../shared/edge-api.ts";
import { parseSegmentKey } from "../../shared/object-format.ts";
import type { SegmentMoment } from "./source-load.ts";
import type { NullStoreReport } from "./source-null-store.ts";

// Storage and edge of a benchmark, in a process of their own. Told what to do by its parent, see source-null-store.ts.

let stored: SegmentMoment[] = [];
let storedBytes = 0;
const counts = { announce: 0, renew: 0 };
let epoch = 0;

const server = http.createServer((request, response) => {
  const path = request.url ?? "";
  if (request.method === "PUT") {
    request.on("data", (part: Buffer) => (storedBytes += part.length));
    request.on("end", () => {
      const { mount, sequence } = parseSegmentKey(path.slice("/bucket/".length));
      stored.push([`${mount.slice(1)}/${sequence}`, performance.timeOrigin + performance.now()]);
      response.setHeader("ETag", '"0"');
      response.end();
    });
    return;
  }
  request.resume();
  request.on("end", () => {
    response.setHeader("Content-Type", "application/json");
    if (path === `${ingestApiPrefix}/claim`) response.end(JSON.stringify({ epoch: ++epoch, gapMs: null }));
    else {
      if (path === `${ingestApiPrefix}/announce`) counts.announce++;
      if (path === `${ingestApiPrefix}/renew`) counts.renew++;
      response.end("{}");
    }
  });
});
server.keepAliveTimeout = 30_000;

function report(): NullStoreReport {
  const answer = { stored, storedBytes, announced: counts.announce, renewed: counts.renew };
  stored = [];
  storedBytes = 0;
  counts.announce = 0;
  counts.renew = 0;
  return answer;
}

process.on("message", (message: { readonly listen: number } | "report") => {
  if (message === "report") process.send?.(report());
  else server.listen(message.listen, "127.0.0.1", () => process.send?.("listening"));
});
process.on("disconnect", () => process.exit(0));
