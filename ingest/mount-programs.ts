import { type ChildProcess, spawn } from "node:child_process";
import type { IngestSettings } from "../config/ingest-settings.ts";
import type { MountPath } from "../shared/units.ts";
import { rulesOfMount } from "./access/mount-rules.ts";
import { programMs, programOutputBytes, programsRunning, programsWaiting } from "./station-limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { SourceEvents } from "./source-events.ts";

export interface MountProgramsOptions {
  readonly settings: { readonly now: Pick<IngestSettings, "mounts"> };
  readonly events: SourceEvents;
  readonly log: Log;
  readonly timeoutMs?: number;
}

interface Start {
  readonly program: string;
  readonly mount: MountPath;
}

/** What a program sees of our environment: where programs are and how people here write, and no secret of ours. */
const passedOn = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;

/**
 * Starts the operator's programs when a source has come and when it has gone, with the mount as their only argument and
 * without a shell. Those of one mount start in order and run side by side with others.
 */
export class MountPrograms {
  readonly #options: MountProgramsOptions;
  readonly #unsubscribe: () => void;
  readonly #running = new Set<ChildProcess>();
  readonly #waiting: Start[] = [];
  /** Of the time when none runs any more. */
  #idle = Promise.withResolvers<void>();
  #stopped = false;

  constructor(options: MountProgramsOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe(({ kind, source: { mount } }) => {
      if (kind === "title") return;
      const { onConnect, onDisconnect } = rulesOfMount(options.settings.now.mounts, mount);
      const program = kind === "connected" ? onConnect : onDisconnect;
      if (program !== undefined) this.#add({ program, mount });
    });
  }

  /** Those that wait and run have `patienceMs`; then they end, with what they have started. */
  async stop(patienceMs: number): Promise<void> {
    this.#unsubscribe();
    const timer = setTimeout(() => {
      this.#stopped = true;
      this.#waiting.length = 0;
      for (const child of this.#running) kill(child);
    }, patienceMs);
    if (this.#running.size > 0) await this.#idle.promise;
    clearTimeout(timer);
    this.#stopped = true;
  }

  #add(start: Start): void {
    if (this.#waiting.length >= programsWaiting) {
      this.#options.log.warn({ ...start }, "too many programs wait, this one is not started");
      return;
    }
    this.#waiting.push(start);
    this.#startNext();
  }

  #startNext(): void {
    while (!this.#stopped && this.#running.size < programsRunning) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#start(next);
    }
  }

  #start({ program, mount }: Start): void {
    const { timeoutMs = programMs } = this.#options;
    const log = this.#options.log.child({ mount, program });
    const opened = open(program, mount, (reason) => log.warn({ reason }, "program failed"));
    if (opened === null) return;
    const { child, stdout, stderr } = opened;
    this.#running.add(child);
    let output = "";
    const take = (chunk: Buffer) => {
      if (output.length < programOutputBytes) output += chunk.toString();
    };
    stdout.on("data", take);
    stderr.on("data", take);
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      kill(child);
    }, timeoutMs);
    const ended = (reason: string | null) => {
      clearTimeout(late);
      if (!this.#running.delete(child)) return;
      const said = output === "" ? {} : { output: output.slice(0, programOutputBytes) };
      if (reason === null) log.info(said, "program ended");
      else log.warn({ ...said, reason }, "program failed");
      this.#startNext();
      if (this.#running.size > 0) return;
      this.#idle.resolve();
      this.#idle = Promise.withResolvers();
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => {
      // What it has started and left behind may hold its output open.
      setTimeout(() => {
        stdout.destroy();
        stderr.destroy();
        const reason = isLate ? `it ran for ${timeoutMs} ms` : (signal ?? `it ended with ${code}`);
        ended(code === 0 && !isLate ? null : reason);
      }, 20).unref();
    });
  }
}

/** Node throws some of what keeps a program from starting, and tells of the rest by an event; without descriptors it has no pipes. */
function open(program: string, mount: MountPath, onFailure: (reason: string) => void) {
  try {
    // A group of its own, so that it ends with what it has started.
    const child: ChildProcess = spawn(program, [mount], {
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const { stdout, stderr } = child;
    if (stdout && stderr) return { child, stdout, stderr };
    child.once("error", (error) => onFailure(error.message));
  } catch (error) {
    onFailure(reasonOf(error));
  }
  return null;
}

function environment(): Record<string, string> {
  const known = passedOn.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(
    known.filter((each): each is [(typeof passedOn)[number], string] => each[1] !== undefined),
  );
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
