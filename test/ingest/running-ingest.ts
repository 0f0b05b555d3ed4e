import { once } from "node:events";
import * as net from "node:net";
import { noSecrets } from "../../shared/edge-secrets.ts";
import type { EdgeStation } from "../../shared/edge-station.ts";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { Ingest } from "../../ingest/ingest.ts";
import { openLog } from "../../ingest/log.ts";
import type { SourceEvent } from "../../ingest/source-events.ts";
import type { Ports } from "../../ingest/server.ts";
import { FakeEdge } from "./fake-edge.ts";

export const sourcePassword = "hackme-pw";
export const adminPassword = "admin-pw";

export const usualLimits: IngestSettings["limits"] = {
  sources: 3,
  connections: 50,
  connectionsPerAddress: 50,
  headerTimeoutMs: 1_000,
  sourceTimeoutMs: 1_000,
  segmentMs: 500,
  burstMs: 4_000,
  graceMs: 15_000,
};

/** An ingest on free ports, before a fake edge and storage. */
export class RunningIngest {
  readonly edge = new FakeEdge();
  readonly logLines: string[] = [];
  ports: Ports = { port: 0, shoutcastPort: 0 };
  #ingest: Ingest | null = null;
  #settings: IngestSettings | null = null;

  /** `station`: what the edge is to be told, where this ingest tells it. */
  async open(overrides: Partial<IngestSettings> = {}, station?: EdgeStation): Promise<void> {
    await this.edge.open();
    this.#settings = {
      host: "127.0.0.1",
      port: 0,
      shoutcastPort: 0,
      dataDir: "/nowhere",
      ingestId: "ingest-test",
      edgeUrl: this.edge.url,
      ingestToken: this.edge.token,
      storage: { bucketUrl: `${this.edge.url}/bucket`, accessKeyId: "id", secretAccessKey: "key" },
      sourcePassword,
      adminUser: "admin",
      adminPassword,
      mounts: new Map([["/own.mp3", { username: "dj", password: "dj-pw" }]]),
      shoutcastMount: "/stream",
      edgeSecrets: noSecrets,
      relays: [],
      autodjs: [],
      directories: [],
      webhooks: [],
      limits: usualLimits,
      ...overrides,
    };
    const ingest = new Ingest({
      settings: this.#settings,
      ...(station && { station: { edge: station, files: [] } }),
      version: "0.0.0",
      log: openLog("debug", { write: (line) => void this.logLines.push(line) }),
    });
    this.#ingest = ingest;
    ingest.events.subscribe((event) => this.#note(event));
    this.ports = await ingest.start();
  }

  /** As a reload does. */
  change(overrides: Partial<IngestSettings>): void {
    if (this.#settings) this.#ingest?.change({ settings: { ...this.#settings, ...overrides } });
  }

  /** What happened to sources so far, in short. */
  readonly events: string[] = [];

  #note(event: SourceEvent): void {
    const { mount, user } = event.source;
    if (event.kind === "connected") this.events.push(`connected ${mount} ${user}`);
    else if (event.kind === "disconnected") this.events.push(`disconnected ${mount}: ${event.reason}`);
    else this.events.push(`title ${mount} ${event.title.text}`);
  }

  /** Sockets that the ingest has open. */
  get connections(): number {
    return this.#ingest?.connections ?? 0;
  }

  stop(): Promise<number> {
    return this.#ingest?.stop() ?? Promise.resolve(0);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.edge.close();
  }

  /** `localAddress`: of this machine, any in 127.0.0.0/8. */
  connect(port = this.ports.port, localAddress?: string): Client {
    return new Client(port, localAddress);
  }

  /** Sends everything, then reads until the other side closes. */
  async exchange(bytes: string | Uint8Array, port = this.ports.port, localAddress?: string): Promise<string> {
    const client = this.connect(port, localAddress);
    client.send(bytes);
    return client.text();
  }
}

/** A raw TCP client that remembers all it is told. */
export class Client {
  readonly socket: net.Socket;
  #received = Buffer.alloc(0);
  /** How the connection ended. */
  reset = false;

  constructor(port: number, localAddress?: string) {
    const from = localAddress === undefined ? {} : { localAddress };
    this.socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, ...from });
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.socket.on("error", () => {
      this.reset = true;
    });
  }

  get received(): string {
    return this.#received.toString("latin1");
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Everything received when the other side has closed. */
  async text(): Promise<string> {
    if (!this.socket.readableEnded && !this.socket.destroyed) {
      await Promise.race([once(this.socket, "end"), once(this.socket, "close")]).catch(() => undefined);
    }
    this.socket.end();
    return this.received;
  }

  async until(pattern: RegExp): Promise<string> {
    await eventually(() => pattern.test(this.received));
    return this.received;
  }
}

/** Waits for a condition; the test's own timeout is what bounds a hopeless wait. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const basic = (user: string, password: string): string =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString("base64")}\r\n`;

export const sourceHead = (mount: string, extra = ""): string =>
  `SOURCE ${mount} HTTP/1.0\r\n${basic("source", sourcePassword)}Content-Type: audio/mpeg\r\n${extra}\r\n`;

/** Frames of MPEG-1 Layer III, 128 kb/s, 44.1 kHz, 417 bytes and 26 ms each, numbered in their last bytes. */
export function frames(count: number, from = 0): Buffer {
  const size = 417;
  const bytes = Buffer.alloc(count * size);
  for (let index = 0; index < count; index++) {
    bytes.writeUInt32BE(0xfffb9064, index * size);
    bytes.writeUInt32BE(from + index, (index + 1) * size - 4);
  }
  return bytes;
}
