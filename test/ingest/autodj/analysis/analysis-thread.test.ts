import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { AnalysisThread } from "../../../../ingest/autodj/analysis/analysis-thread.ts";
import { goingThreads, silentThreadMs } from "../../../../ingest/autodj/analysis/limits.ts";

/** A thread within a read that never ends: it says nothing, and does not go. */
class HangingThread extends EventEmitter {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly gone = Promise.withResolvers<number>();
  ref = () => undefined;
  unref = () => undefined;
  postMessage = () => undefined;
  terminate = () => this.gone.promise;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("gives up files on a disk that hangs, for now, and starts no more threads than may hang there", async () => {
  const threads: HangingThread[] = [];
  const thread = new AnalysisThread(() => {
    const started = new HangingThread();
    threads.push(started);
    return started as unknown as Worker;
  });
  const found: unknown[] = [];
  const { signal } = new AbortController();
  for (let file = 0; file < goingThreads + 3; file++) {
    const job = { kind: "analyse", path: `${file}.mp3`, wantsLevel: false } as const;
    void thread.run(job, { limitMs: 600_000, signal }).then((finding) => found.push(finding));
  }
  await vi.advanceTimersByTimeAsync(10 * goingThreads * silentThreadMs);
  expect(threads).toHaveLength(goingThreads);
  expect(found).toHaveLength(goingThreads);
  expect(found[0]).toEqual({ kind: "refused", reason: "was read in vain for a minute", kept: "no" });
  // The disk is back.
  for (const { gone } of threads) gone.resolve(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(threads).toHaveLength(goingThreads + 1);
});
