import { join } from "node:path";
import { startStation } from "../../test/support/station.ts";
import { streamMp3 } from "../../test/support/stream-mp3.ts";
import type { LoadOrder } from "./load.ts";
import { startIcecast } from "../../test/support/icecast-server.ts";
import { type Usage, usageOf } from "./usage.ts";

/** One of the two that are compared, with a source on the air. */
export interface Side {
  readonly name: "Skywave" | "Icecast";
  readonly port: number;
  readonly path: string;
  /** Processes that serve listeners, by name. */
  readonly serving: ReadonlyMap<string, number>;
  /** Processes that it runs besides. Icecast takes its sources in the process that serves. */
  readonly besides: ReadonlyMap<string, number>;
  /** What the edge counts of itself; of Icecast nothing. */
  counts(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

/** Connects a source to an ingest, or to Icecast. */
export type PutOnAir = (to: {
  readonly port: number;
  readonly password: string;
}) => Promise<{ destroy(): void }>;

/** Every mount of a benchmark. */
export const mount = "/bench.mp3";
/** Of the audio that is sent everywhere: 128 kb/s. */
export const bytesPerSecond = 16_000;

/** The listeners that every measurement has: they ask for titles, and a model player starts half a second after its first byte. */
export const listenersOf = (
  { port, path }: Pick<Side, "port" | "path">,
  count: number,
  withinMs: number,
): LoadOrder => ({ port, path, count, withinMs, icy: true, bytesPerSecond, playerDelayMs: 500 });

const fixture = join(import.meta.dirname, "..", "..", "test", "fixtures", "cbr128-joint44.mp3");

/** 128 kb/s in real time, over and over. */
const loopedFile: PutOnAir = ({ port, password }) =>
  streamMp3(port, mount, fixture, { password, loop: true });

/** A stack of its own, which has served no listener. Its default burst is 4 s. */
export async function openSkywave({
  segmentSeconds = 2,
  putOnAir = loopedFile,
}: {
  readonly segmentSeconds?: number;
  readonly putOnAir?: PutOnAir;
}): Promise<Side> {
  const stack = await startStation(`[limits]\nsegment_seconds = ${segmentSeconds}\n`);
  try {
    const source = await putOnAir({ port: stack.ingestPort, password: stack.password });
    const pid = (part: "workerd" | "edge" | "ingest"): number => {
      const found = stack.pidOf(part);
      if (found === undefined) throw new Error(`${part} does not run`);
      return found;
    };
    return {
      name: "Skywave",
      port: stack.edgePort,
      path: mount,
      serving: new Map([
        ["workerd", pid("workerd")],
        ["Node above it", pid("edge")],
      ]),
      besides: new Map([
        ["ingest", pid("ingest")],
        ["supervisor", stack.pid],
      ]),
      async counts() {
        const reply = await fetch(`${stack.edgeUrl}/health`);
        const fields = Object.entries((await reply.json()) as Record<string, unknown>);
        return Object.fromEntries(
          fields.flatMap(([name, value]) => (typeof value === "number" ? [[name, value]] : [])),
        );
      },
      async stop() {
        source.destroy();
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** Null where Icecast is not installed. */
export async function openIcecast(putOnAir: PutOnAir = loopedFile): Promise<Side | null> {
  const server = await startIcecast();
  if (server === null) return null;
  try {
    const source = await putOnAir(server);
    return {
      name: "Icecast",
      port: server.port,
      path: mount,
      serving: new Map([["icecast2", server.pid]]),
      besides: new Map(),
      counts: () => Promise.resolve({}),
      async stop() {
        source.destroy();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What each process of a side has used and uses. */
export const usagesOf = (pids: ReadonlyMap<string, number>): Map<string, Usage> =>
  new Map([...pids].map(([name, pid]) => [name, usageOf(pid)]));

/** Memory of several processes, KiB. */
export const residentOf = (usages: ReadonlyMap<string, Usage>): number =>
  [...usages.values()].reduce((sum, { residentKib }) => sum + residentKib, 0);
