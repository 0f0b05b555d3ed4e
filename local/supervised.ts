import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  healthFailures,
  healthIntervalMs,
  startupIntervalMs,
  startupMs,
  wholeHealthEvery,
} from "./limits.ts";
import { LineSplitter, type LogLine, level, parseLine } from "./log.ts";
import { askToStop, killTree, spawnTree, type TreeOptions } from "./process-tree.ts";
import { probe } from "./probe.ts";
import { afterExit, neverFailed } from "./restart.ts";

export interface SupervisedOptions extends TreeOptions {
  readonly name: string;
  /** Answers 200 when the process is ready; with `?alive` anything, at once, as long as it runs. */
  readonly healthUrl: string;
  readonly log: (line: LogLine) => void;
}

/** Exit code of a process whose configuration is at fault: one that never ran will not run the next time either. */
const configurationFault = 2;

/** An exit code or the signal that ended the process; null when it could not be started. */
type Ending = number | NodeJS.Signals | null;

/**
 * How a process ends that was asked to. By the signal itself when it had not begun its work; with the code that stands
 * for it (128 + 15) when a library ends it, as Miniflare does with the edge.
 */
const properEndings: ReadonlySet<Ending | "timeout"> = new Set([0, "SIGTERM", 143]);

/** A process that is kept alive: started again when it ends, replaced when it no longer answers. */
export class Supervised {
  #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<Ending> = Promise.resolve(null);
  #stopping = new AbortController();
  /** The process is being ended for the next one to begin. */
  #replacing = false;
  #wasReady = false;
  #ready = Promise.withResolvers<void>();
  #hopeless = Promise.withResolvers<never>();

  constructor(options: SupervisedOptions) {
    this.#options = options;
    // Its owner may be busy elsewhere when a process gives up.
    this.#hopeless.promise.catch(() => undefined);
  }

  /** Resolves when the process has answered 200 for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Rejects when the process says, before it was ever ready, that its configuration is at fault; otherwise stays pending. */
  get hopeless(): Promise<never> {
    return this.#hopeless.promise;
  }

  start(): void {
    void this.#run();
  }

  /**
   * Asks the process to end and waits. False when it did not end properly: it had to be killed after `patienceMs`, or
   * its exit code says that it left something undone. Never starts it again.
   */
  async stop(patienceMs: number): Promise<boolean> {
    this.#stopping.abort();
    const child = this.#child;
    return child === undefined || this.#end(child, patienceMs);
  }

  /** Like `stop`, but starts the process again at once. One that is between two starts begins anew by itself. */
  async restart(patienceMs: number): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.#stopping.signal.aborted || this.#replacing) return;
    this.#replacing = true;
    if (!(await this.#end(child, patienceMs))) this.#say(level.warn, "did not stop properly");
  }

  /** Passes a signal on to the process, if it runs. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async #end(child: ChildProcess, patienceMs: number): Promise<boolean> {
    const exited = this.#exited;
    askToStop(child);
    const patience = new AbortController();
    const timeout = sleep(patienceMs, "timeout" as const, { signal: patience.signal }).catch(
      () => "timeout" as const,
    );
    const outcome = await Promise.race([exited, timeout]);
    patience.abort();
    killTree(child.pid);
    await exited;
    return properEndings.has(outcome);
  }

  /** Ends the process and all it started, at once. */
  kill(): void {
    this.#stopping.abort();
    killTree(this.#child?.pid);
  }

  async #run(): Promise<void> {
    let restarts = neverFailed;
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      const ending = await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      if (this.#replacing) {
        this.#replacing = false;
        restarts = neverFailed;
        continue;
      }
      // Later it may be a passing fault: a port that somebody took meanwhile, a station file half written.
      if (ending === configurationFault && !this.#wasReady) {
        this.#hopeless.reject(new Error(`${this.#options.name} refuses its configuration`));
        return;
      }
      const decision = afterExit(restarts, performance.now() - startedAt);
      restarts = decision.state;
      this.#say(level.warn, `ended, starting again in ${decision.delayMs / 1000} s`, { ending });
      await sleep(decision.delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** From start to end of one process. */
  async #runOnce(): Promise<Ending> {
    const child = spawnTree(this.#options);
    const ended = new AbortController();
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? signal));
      child.once("error", (error) => {
        this.#say(level.error, `cannot be started: ${error.message}`);
        resolve(null);
      });
    });
    this.#collect(child);
    this.#say(level.info, "started", { process: child.pid });
    // One that is stopping closes its port first and is still at work behind it: that is not hanging.
    void this.#watch(child, AbortSignal.any([ended.signal, this.#stopping.signal]));
    const ending = await this.#exited;
    ended.abort();
    // What it started must not outlive it: a runtime left over would keep the port.
    killTree(child.pid);
    this.#child = undefined;
    return ending;
  }

  #collect(child: ChildProcess): void {
    const { name, log } = this.#options;
    for (const [stream, textLevel] of [
      [child.stdout, level.info],
      [child.stderr, level.warn],
    ] as const) {
      const lines = new LineSplitter();
      const write = (text: string) => log(parseLine(text, name, Date.now(), textLevel));
      stream?.on("data", (chunk: Uint8Array) => lines.push(chunk).forEach(write));
      stream?.on("end", () => lines.flush().forEach(write));
    }
  }

  async #watch(child: ChildProcess, over: AbortSignal): Promise<void> {
    const startsUntil = performance.now() + startupMs;
    let answered = false;
    let failures = 0;
    let looks = 0;
    while (!over.aborted) {
      await sleep(answered ? healthIntervalMs : startupIntervalMs, undefined, { signal: over }).catch(
        () => undefined,
      );
      if (over.aborted) return;
      // One that lives may hang in its parts: they are asked now and then, and whenever something is wrong.
      const isWhole = !answered || !this.#wasReady || failures > 0 || ++looks % wholeHealthEvery === 0;
      const sign = await probe(`${this.#options.healthUrl}${isWhole ? "" : "?alive"}`);
      if (sign === "ready") {
        this.#wasReady = true;
        this.#ready.resolve();
      }
      if (sign !== "none") {
        answered = true;
        failures = 0;
        continue;
      }
      failures++;
      const hung = answered ? failures >= healthFailures : performance.now() > startsUntil;
      if (!hung || over.aborted || this.#replacing) continue;
      this.#say(level.error, "does not answer, replacing it", { failures });
      killTree(child.pid);
      return;
    }
  }

  #say(lineLevel: number, msg: string, fields: Record<string, unknown> = {}): void {
    this.#options.log({ level: lineLevel, time: Date.now(), name: this.#options.name, msg, ...fields });
  }
}
