import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { parseSegmentKey } from "../../../shared/object-format.ts";
import { type Bucket, bucketOf } from "../bucket.ts";
import { type Fault, type FaultProxy, openFaultProxy, type ProxiedRequest } from "../fault-proxy.ts";
import { type Stack, startStack } from "../stack.ts";
import { FakeClock } from "./fake-clock.ts";
import { IngestHost, type IngestHostOptions } from "./ingest-host.ts";
import { SlowLines } from "./slow-line.ts";

/** Target duration of a segment on this station, ms. */
export const segmentMs = 1_000;

/** A grace longer than the longest stall: what is shown is that listeners stay, not when they are let go. */
const station = `
limits = { segment_seconds = ${segmentMs / 1000}, burst_seconds = 4, grace_seconds = 60, sources = 200 }
icy.metaint = 4000
`;

/** What becomes of a request: a fault of the proxy, or everything twice. */
export type RequestFault = Fault | "twice";
type Decide = () => RequestFault;

/** A stack, a second ingest host beside it on request, and proxies that fail for one mount and not for another. */
export class Rig {
  readonly stack: Stack;
  readonly stationFile: string;
  /** What happens to the storage requests, and to the calls to the edge, of a mount whose ingest is behind the proxies. */
  readonly storageFaults = new Map<string, Decide>();
  readonly edgeFaults = new Map<string, Decide>();
  readonly #folder: string;
  readonly #clock: FakeClock | null;
  readonly #hosts: IngestHost[] = [];
  #storage: FaultProxy | null = null;
  #edge: FaultProxy | null = null;
  #slowLines: SlowLines | null = null;

  private constructor(stack: Stack, folder: string, clock: FakeClock | null) {
    this.stack = stack;
    this.#folder = folder;
    this.stationFile = join(folder, "station.toml");
    this.#clock = clock;
  }

  /** With `fakeClock`, `setClock` moves the wall clock of every process of the stack. */
  static async open(options: { readonly fakeClock?: boolean } = {}): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), "skywave-chaos-"));
    const stationFile = join(folder, "station.toml");
    writeFileSync(stationFile, station);
    try {
      const clock = options.fakeClock === true ? new FakeClock(folder) : null;
      return new Rig(await startStack({ stationFile, env: clock?.env ?? {} }), folder, clock);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get bucket(): Bucket {
    return bucketOf(this.stack);
  }

  /** Moves the stack's wall clock to this many seconds from the true one. */
  setClock(seconds: number): void {
    this.#clock?.set(seconds);
  }

  /** A connection to the edge that lets so much through. */
  slowLine(bytesPerSecond: number): Duplex {
    this.#slowLines ??= new SlowLines(this.#folder);
    return this.#slowLines.open(this.stack.edgePort, bytesPerSecond);
  }

  /** Another ingest host that speaks to edge and storage through the proxies. */
  async openHost(prepare?: IngestHostOptions["prepare"]): Promise<IngestHost> {
    const { origin, pathname } = new URL(this.bucket.url);
    this.#storage ??= await openFaultProxy(origin, (request) =>
      this.#decide(this.storageFaults, mountOfPut(request), request),
    );
    this.#edge ??= await openFaultProxy(this.stack.edgeUrl, (request) =>
      this.#decide(this.edgeFaults, mountOfCall(request), request),
    );
    const host = await IngestHost.open({
      stack: this.stack,
      bucket: this.bucket,
      edgeUrl: this.#edge.url,
      bucketUrl: this.#storage.url + pathname,
      stationFile: this.stationFile,
      ...(prepare === undefined ? {} : { prepare }),
    });
    this.#hosts.push(host);
    return host;
  }

  /** What the stack and its hosts have logged. */
  log(): string {
    return [this.stack.log(), ...this.#hosts.map(({ log }) => log)].join("\n");
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
    this.#storage?.close();
    this.#edge?.close();
    await this.stack.stop();
    this.#clock?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #decide(faults: Map<string, Decide>, mount: string, request: Pick<ProxiedRequest, "path" | "body">): Fault {
    const fault = faults.get(mount)?.() ?? "pass";
    if (fault !== "twice") return fault;
    // The second one overtakes the first or not, as it happens.
    void fetch(this.stack.edgeUrl + request.path, {
      method: "POST",
      headers: { authorization: `Bearer ${this.stack.ingestToken}`, "content-type": "application/json" },
      body: new Uint8Array(request.body),
    }).then(
      (reply) => reply.arrayBuffer(),
      () => undefined,
    );
    return "pass";
  }
}

function mountOfPut({ path }: Pick<ProxiedRequest, "path">): string {
  const key = /\/(v1\/[^?]*)/.exec(path)?.[1];
  try {
    return key === undefined ? "" : parseSegmentKey(key).mount;
  } catch {
    // A file that the station plays.
    return "";
  }
}

function mountOfCall({ path, body }: Pick<ProxiedRequest, "path" | "body">): string {
  if (!path.startsWith("/api/ingest/")) return "";
  return (JSON.parse(body.toString()) as { mount?: string }).mount ?? "";
}
