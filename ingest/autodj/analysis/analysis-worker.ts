import { constants, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { analyseFile } from "./analyse-file.ts";
import { paceOf } from "./pace.ts";
import { transcodeFile } from "./transcode.ts";
import type { Order, Report } from "./worker-messages.ts";

/** The thread of an Analyser: one job at a time, in the order of its messages. */

/**
 * A tenth of what the process's other threads get where all want to run; at the lowest priority it would be a hundredth, and files would seem to
 * hang. On Linux 0 is the calling thread, elsewhere the process: there the thread rests between pieces instead.
 */
const hasOwnPriority = process.platform === "linux";
if (hasOwnPriority) {
  try {
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A host that forbids it gets the work done at its usual priority.
  }
}

const port = parentPort;
if (!port) throw new Error("expected to be run as a thread");

let current: { readonly id: number; readonly abort: AbortController } | undefined;

const tell = (report: Report): void => port.postMessage(report);

port.on("message", (order: Order) => {
  if (order.kind === "cancel") {
    if (current?.id === order.id) current.abort.abort();
    return;
  }
  const abort = new AbortController();
  current = { id: order.id, abort };
  const pace = paceOf({
    signal: abort.signal,
    rests: !hasOwnPriority,
    onAlive: () => tell({ kind: "alive", id: order.id }),
  });
  const work =
    order.kind === "analyse"
      ? analyseFile(order.path, order.wantsLevel, pace)
      : transcodeFile(order.transcode, pace);
  work.then(
    (finding) => tell({ kind: "found", id: order.id, finding }),
    (error: unknown) =>
      tell({ kind: "failed", id: order.id, message: error instanceof Error ? error.message : String(error) }),
  );
});
