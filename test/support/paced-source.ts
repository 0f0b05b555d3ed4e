import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { openSocket } from "./raw-request.ts";
import { waitFor } from "./wait.ts";

export interface PacedSource {
  readonly port: number;
  /** Everything before the audio; the second part is sent when the reply to the first has come. */
  readonly login: readonly [first: string, afterReply?: string];
  /** How the reply to the login ends. */
  readonly replyEnd: string;
  readonly audio: Uint8Array;
  readonly bytesPerSecond: number;
  /** Chunked transfer coding around every piece. */
  readonly chunked?: boolean;
  /** Send the first audio in one packet with the login, without waiting for the reply. */
  readonly inLoginPacket?: boolean;
}

/** How often audio is sent, ms. */
const stepMs = 40;

/**
 * Sends audio in real time in pieces that know nothing of frames, then closes its half. Resolves, when the server has
 * closed as well, with everything it said.
 */
export async function sendPaced(source: PacedSource): Promise<string> {
  const { login, audio, bytesPerSecond } = source;
  const socket = await openSocket(source.port);
  let reply = "";
  socket.on("data", (chunk: Buffer) => (reply += chunk.toString("latin1")));
  const closed = new Promise<void>((resolve) => {
    socket.once("end", resolve);
    socket.once("close", resolve);
  });
  const framed = (piece: Uint8Array) => (source.chunked === true ? chunkOf(piece) : piece);
  let sent = source.inLoginPacket === true ? 2_000 : 0;
  socket.write(Buffer.concat([Buffer.from(login[0]), framed(audio.subarray(0, sent))]));
  await waitFor("the reply to a login", () => reply.endsWith(source.replyEnd)).catch((error: unknown) => {
    throw new Error(
      `expected a reply ending in ${JSON.stringify(source.replyEnd)}, got ${JSON.stringify(reply)}`,
      {
        cause: error,
      },
    );
  });
  socket.write(login[1] ?? "");
  const startedAt = performance.now();
  while (sent < audio.length && !socket.destroyed) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * bytesPerSecond);
    const piece = audio.subarray(sent, Math.max(sent, due));
    sent += piece.length;
    if (piece.length > 0) await written(socket, framed(piece));
    await sleep(stepMs);
  }
  socket.end(source.chunked === true ? "0\r\n\r\n" : "");
  await closed;
  socket.destroy();
  return reply;
}

/** One chunk of the chunked transfer coding; of nothing it is nothing, for an empty chunk would be the last. */
export function chunkOf(piece: Uint8Array): Uint8Array {
  if (piece.length === 0) return piece;
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
}

function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}
