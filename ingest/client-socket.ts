import type { Socket } from "node:net";
import { lingerBytes, lingerMs, idleMs } from "./limits.ts";

/** Address of the other end; IPv4 as such, not as `::ffff:192.0.2.1`. */
export function peerAddress(socket: Pick<Socket, "remoteAddress">): string {
  return (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
}

/** Whether the other end is this machine: of a connection to oneself both ends have one address. */
export function isOwnMachine(socket: Pick<Socket, "remoteAddress" | "localAddress">): boolean {
  const peer = peerAddress(socket);
  return (
    peer === "127.0.0.1" ||
    peer === "::1" ||
    (peer !== "unknown" && socket.remoteAddress === socket.localAddress)
  );
}

/**
 * Feeds `take` with what arrives until it returns a value; the socket is paused when that is handed out, and the
 * parser behind `take` holds what came too much. Resolves null when the peer closed, or said nothing complete for
 * `timeoutMs`. Rejects with what `take` throws.
 */
export function readUntil<T>(
  socket: Socket,
  take: (chunk: Uint8Array) => T | null,
  timeoutMs: number,
): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", onData).off("end", onClosed).off("close", onClosed);
    };
    const settle = (value: T | null) => {
      stop();
      resolve(value);
    };
    const onClosed = () => settle(null);
    const onData = (chunk: Uint8Array) => {
      try {
        const value = take(chunk);
        if (value !== null) settle(value);
      } catch (error) {
        stop();
        reject(error);
      }
    };
    const timer = setTimeout(onClosed, timeoutMs);
    if (socket.destroyed || socket.readableEnded) return settle(null);
    socket.on("data", onData).on("end", onClosed).on("close", onClosed);
    socket.resume();
  });
}

/**
 * After `readUntil` gave null: what to tell of a peer that began a request and still holds the connection. Null for one
 * that has closed it, and for one that never said anything (port probes, spare connections of browsers).
 */
export function lateReason(socket: Socket, timeoutMs: number): string | null {
  const waits = socket.bytesRead > 0 && !socket.readableEnded && !socket.destroyed;
  return waits ? `no whole request came within ${timeoutMs} ms` : null;
}

/**
 * Sends the last bytes and closes. What the peer still sends is read away for a while: closing a socket with unread
 * data resets it, and the peer would lose the reply (sources have audio in flight when they are refused).
 */
export function finish(socket: Socket, lastBytes?: Uint8Array): void {
  if (socket.destroyed) return;
  let timer: NodeJS.Timeout | undefined;
  const linger = () => {
    timer ??= setTimeout(() => socket.destroy(), lingerMs);
  };
  // A slow client may still be taking what was written before.
  if (socket.writableFinished) linger();
  else socket.once("finish", linger);
  // Counted from here, whatever the peer still sends.
  const deadline = setTimeout(() => socket.destroy(), idleMs);
  socket.setTimeout(0);
  socket.once("close", () => {
    clearTimeout(timer);
    clearTimeout(deadline);
  });
  let discarded = 0;
  socket.on("data", (chunk: Uint8Array) => {
    discarded += chunk.length;
    if (discarded > lingerBytes) socket.destroy();
  });
  if (lastBytes) socket.end(lastBytes);
  else socket.end();
  socket.resume();
}

/** A connection as what brings a source's audio. */
export const lineOf = (socket: Socket): { readonly close: () => void; readonly destroy: () => void } => ({
  close: () => finish(socket),
  destroy: () => void socket.destroy(),
});
