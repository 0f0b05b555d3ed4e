import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Histogram } from "./histogram.ts";
import { ModelPlayer } from "./model-player.ts";
import type { LoadOrder, LoadPart } from "./load.ts";
import { StreamCounter } from "./stream-counter.ts";

// Listeners of a benchmark, in a process of their own. Told what to do by its parent, see load.ts.

/** One buffer for all: what is read is counted at once. */
const buffer = Buffer.allocUnsafe(256 * 1024);
/** The share of the body that is audio: a metadata block without news is one byte. */
const audioShare = 16_000 / 16_001;
/** Of the listeners with least in hand so many are told of. */
const worstCount = 2;

class Listener {
  readonly socket: Socket;
  readonly player: ModelPlayer;
  readonly #counter = new StreamCounter();
  readonly openedMs = performance.now();
  firstByteMs: number | null = null;
  failed = false;
  #readMs = 0;

  constructor({ port, path, icy, bytesPerSecond, playerDelayMs }: LoadOrder) {
    this.player = new ModelPlayer(bytesPerSecond, playerDelayMs);
    const onread = { buffer, callback: (length: number) => this.#read(length) };
    this.socket = connect({ host: "127.0.0.1", port, onread, noDelay: true });
    const metadata = icy ? "Icy-MetaData: 1\r\n" : "";
    this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: bench\r\n${metadata}\r\n`,
    );
    this.socket.on("error", () => (this.failed = true));
    this.socket.on("close", () => (this.failed = true));
  }

  #read(length: number): boolean {
    const now = performance.now();
    try {
      this.#counter.push(buffer.subarray(0, length));
    } catch {
      this.failed = true;
    }
    if (this.#counter.status !== null && this.#counter.status !== 200) this.failed = true;
    const { bodyBytes } = this.#counter;
    if (this.failed || bodyBytes === 0) return true;
    received += length;
    if (this.firstByteMs === null) this.firstByteMs = now - this.openedMs;
    else if (this.#readMs > 0) gaps.add(now - this.#readMs);
    this.#readMs = now;
    this.player.got(bodyBytes * audioShare, now);
    return true;
  }
}

const listeners: Listener[] = [];
let gaps = new Histogram();
let received = 0;
let reported = performance.eventLoopUtilization();

async function open(order: LoadOrder): Promise<void> {
  const startedMs = performance.now();
  for (let opened = 0; opened < order.count; ) {
    const due = Math.min(
      order.count,
      1 + Math.floor(((performance.now() - startedMs) / Math.max(1, order.withinMs)) * order.count),
    );
    for (; opened < due; opened++) listeners.push(new Listener(order));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function report(): LoadPart {
  const now = performance.now();
  const firstByte = new Histogram();
  const players: ModelPlayer[] = [];
  for (const { firstByteMs, player } of listeners) {
    if (firstByteMs === null) continue;
    firstByte.add(firstByteMs);
    player.look(now);
    players.push(player);
  }
  const { user, system } = process.cpuUsage();
  const utilization = performance.eventLoopUtilization();
  const part = {
    opened: listeners.length,
    served: players.length,
    lost: listeners.filter(({ failed }) => failed).length,
    receivedBytes: received,
    firstByte: firstByte.encode(),
    gap: gaps.encode(),
    ranDry: players.filter(({ timesDry }) => timesDry > 0).length,
    dryMs: Math.max(0, ...players.map(({ dryMs }) => dryMs)),
    leastInHandMs: Math.min(Number.MAX_VALUE, ...players.map(({ leastInHandMs }) => leastInHandMs)),
    worst: worst(),
    cpuSeconds: (user + system) / 1e6,
    busyShare: performance.eventLoopUtilization(utilization, reported).utilization,
  };
  gaps = new Histogram();
  received = 0;
  reported = utilization;
  return part;
}

/** Tells whether scarcity comes from how a listener began or from what happened later. */
function worst(): string[] {
  return listeners
    .map((listener, index) => ({ listener, index }))
    .toSorted((a, b) => a.listener.player.leastInHandMs - b.listener.player.leastInHandMs)
    .slice(0, worstCount)
    .map(({ listener: { player, openedMs, firstByteMs }, index }) => {
      const afterMs = player.leastAtMs - openedMs;
      return `listener ${index}, first byte after ${firstByteMs?.toFixed(0)} ms, had ${player.leastInHandMs.toFixed(0)} ms in hand ${afterMs.toFixed(0)} ms after it came and was dry for ${player.dryMs.toFixed(0)} ms in all`;
    });
}

process.on("message", (message: { readonly open: LoadOrder } | "report" | "close") => {
  if (message === "report") process.send?.(report());
  else if (message === "close") process.exit(0);
  else void open(message.open).then(() => process.send?.("opened"));
});
process.on("disconnect", () => process.exit(0));
