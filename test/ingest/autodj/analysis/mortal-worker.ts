import { isMainThread, parentPort } from "node:worker_threads";

/** The analyser's thread, which some files kill: their paths say how. */
if (isMainThread || !parentPort) throw new Error("expected to be run as a thread");
parentPort.on("message", ({ path }: { readonly path?: string }) => {
  if (path?.includes("throws")) throw new Error("unreachable executed");
  if (path?.includes("exits")) process.exit(1);
  if (path?.includes("loops")) for (;;);
});
await import("../../../../ingest/autodj/analysis/analysis-worker.ts");
