import { Worker } from "node:worker_threads";
import { reasonOf } from "../../log.ts";
import { goingThreads, idleThreadMs, silentThreadMs, threadHeapMiB } from "./limits.ts";
import type { Finding } from "./track-facts.ts";
import type { Order, Report } from "./worker-messages.ts";

/** A job for the thread, without the number that its messages bear. */
export type Job = Work extends infer Kind ? (Kind extends Work ? Omit<Kind, "id"> : never) : never;
type Work = Extract<Order, { path: string } | { transcode: object }>;

interface Task {
  readonly id: number;
  readonly job: Job;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly resolve: (finding: Finding) => void;
  readonly reject: (reason: unknown) => void;
}

const startAnalysisWorker = (): Worker =>
  new Worker(new URL("./analysis-worker.ts", import.meta.url), {
    name: "autodj-analysis",
    // The decoder writes what it finds amiss to the console.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: threadHeapMiB },
  });

/** The thread said that it could not do what was asked; its message follows the file's name. */
export class JobError extends Error {
  override readonly name = "JobError";
}

/**
 * The one thread that looks at files, and what waits for it, in order. It is started for the first job and again after it
 * died: the file it died of is refused, the next one is looked at. Of a file on a disk that hangs it is not known whether it is the file's
 * fault, so that one is refused for now only. Ends by itself when there is nothing to do.
 */
export class AnalysisThread {
  readonly #start: () => Worker;
  readonly #waiting: Task[] = [];
  #worker: Worker | undefined;
  #running: { readonly task: Task; readonly end: () => void } | undefined;
  #silence: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  /** Threads that were ended and have not gone. */
  #going = 0;
  #stopped = false;

  constructor(start: () => Worker = startAnalysisWorker) {
    this.#start = start;
  }

  /**
   * What the thread finds. A file that it dies of, or that keeps it for longer than `limitMs`, is refused. Rejects with
   * JobError where it cannot be done, and with the signal's reason.
   */
  run(job: Job, { limitMs, signal }: Pick<Task, "limitMs" | "signal">): Promise<Finding> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new JobError("is not looked at any more"));
      if (signal.aborted) return reject(signal.reason);
      const task = { id: ++this.#lastId, job, limitMs, signal, resolve, reject };
      signal.addEventListener("abort", () => this.#cancel(task), { once: true });
      this.#waiting.push(task);
      this.#next();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new JobError("is not looked at any more"));
    this.#running?.task.reject(new JobError("is not looked at any more"));
    this.#end();
  }

  #cancel(task: Task): void {
    task.reject(task.signal.reason);
    const at = this.#waiting.indexOf(task);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#running?.task === task)
      this.#worker?.postMessage({ kind: "cancel", id: task.id } satisfies Order);
  }

  #next(): void {
    if (this.#running || this.#going >= goingThreads) return;
    const task = this.#waiting.shift();
    if (!task) return this.#rest();
    clearTimeout(this.#idle);
    const limit = setTimeout(() => this.#giveUp("takes too long to be looked at"), task.limitMs);
    this.#running = { task, end: () => clearTimeout(limit) };
    this.#hear();
    try {
      this.#worker ??= this.#open();
      this.#worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.#worker.postMessage({ ...task.job, id: task.id } satisfies Order);
    } catch (error) {
      this.#fail(error);
    }
  }

  #open(): Worker {
    const worker = this.#start();
    worker.stdout.resume();
    worker.stderr.resume();
    worker.on("message", (report: Report) => {
      if (worker === this.#worker) this.#take(report);
    });
    worker.on("error", (error: Error) => {
      if (worker === this.#worker) this.#giveUp(`makes the decoder fail: ${error.message}`);
    });
    worker.on("exit", () => {
      if (worker === this.#worker) this.#giveUp("makes the decoder fail");
    });
    return worker;
  }

  #take(report: Report): void {
    const task = this.#running?.task;
    if (!task || report.id !== task.id) return;
    this.#hear();
    if (report.kind === "alive") return;
    this.#settle();
    if (report.kind === "found") task.resolve(report.finding);
    else task.reject(new JobError(report.message));
    this.#next();
  }

  /** The thread is alive; it must say so again in time. */
  #hear(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#giveUp("was read in vain for a minute", "no"), silentThreadMs);
  }

  #giveUp(reason: string, kept: "memory" | "no" = "memory"): void {
    const task = this.#running?.task;
    this.#end();
    task?.resolve({ kind: "refused", reason, kept });
    this.#next();
  }

  /** No thread is to be had (no memory, no more of them): of that no file is guilty. */
  #fail(error: unknown): void {
    const task = this.#running?.task;
    this.#end();
    task?.reject(new JobError(`cannot be looked at, no thread can be had: ${reasonOf(error)}`));
    this.#next();
  }

  /** Nothing to do: the process may end, and after a while the thread does. */
  #rest(): void {
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.#end(), idleThreadMs);
    this.#idle.unref();
  }

  #end(): void {
    this.#settle();
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    if (!worker) return;
    this.#going++;
    // A thread within a read that hangs ends when that does.
    void worker.terminate().finally(() => {
      this.#going--;
      if (this.#waiting.length > 0) this.#next();
    });
  }

  #settle(): void {
    clearTimeout(this.#silence);
    this.#running?.end();
    this.#running = undefined;
  }
}
