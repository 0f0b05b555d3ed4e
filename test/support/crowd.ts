import type { Socket } from "node:net";
import { openSocket } from "./raw-request.ts";

/** Many listeners that keep nothing but how much each got. */
export interface Crowd {
  /** Bytes of each, the reply's head included. */
  readonly bytes: readonly number[];
  /** First lines of replies that are no 200. */
  readonly refusals: readonly string[];
  /** Connections that the other side has ended. */
  readonly dropped: number;
  close(): void;
}

/** Opens a listener for each path, all at once; resolves when all are connected. */
export async function openCrowd(port: number, paths: readonly string[]): Promise<Crowd> {
  const bytes = paths.map(() => 0);
  const refusals: string[] = [];
  let dropped = 0;
  let closed = false;
  const sockets = await Promise.all(paths.map((path, index) => open(path, index)));
  return {
    bytes,
    refusals,
    get dropped() {
      return dropped;
    },
    close() {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
  };

  async function open(path: string, index: number): Promise<Socket> {
    const socket = await openSocket(port);
    socket.on("data", (chunk: Buffer) => {
      if (bytes[index] === 0 && !chunk.subarray(0, 15).equals(accepted)) {
        refusals.push(chunk.toString("latin1").split("\r\n")[0] ?? "");
      }
      bytes[index] = (bytes[index] ?? 0) + chunk.length;
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (!closed) dropped++;
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nIcy-MetaData: 1\r\n\r\n`);
    return socket;
  }
}

const accepted = Buffer.from("HTTP/1.1 200 OK");
