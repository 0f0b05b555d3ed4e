import type { Socket } from "node:net";
import { frameMs, stampedFrame } from "../../test/support/chaos/stamped-frame.ts";
import { openSocket, readHead } from "../../test/support/raw-request.ts";

/** A source whose frames say which they are, and which knows when it sent each. 128 kb/s. */
export interface StampedSource {
  /** When each frame was written, by `performance.now()`. */
  readonly sentAtMs: readonly number[];
  destroy(): void;
}

/** Stands in every frame. */
const sourceId = 1;
/** How often it looks what is due, less than a frame, ms. */
const stepMs = 8;

/** Connects and sends in real time. Rejects when it is refused. */
export async function openStampedSource({
  port,
  password,
  mount,
}: {
  readonly port: number;
  readonly password: string;
  readonly mount: string;
}): Promise<StampedSource> {
  const socket = await openSocket(port);
  const authorization = Buffer.from(`source:${password}`).toString("base64");
  socket.write(
    `PUT ${mount} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${authorization}\r\nContent-Type: audio/mpeg\r\n\r\n`,
  );
  const head = await readHead(socket);
  if (!/^HTTP\/1\.[01] 200/.test(head)) {
    socket.destroy();
    throw new Error(`the source was refused: ${head}`);
  }
  socket.resume();
  return send(socket);
}

function send(socket: Socket): StampedSource {
  const sentAtMs: number[] = [];
  const startedMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    while (sentAtMs.length * frameMs <= now - startedMs) {
      socket.write(stampedFrame(sourceId, sentAtMs.length, sentAtMs.length === 0));
      sentAtMs.push(now);
    }
  }, stepMs);
  const destroy = (): void => {
    clearInterval(timer);
    socket.destroy();
  };
  socket.once("close", destroy);
  return { sentAtMs, destroy };
}
