import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSocket, readHead } from "./raw-request.ts";
import type { Stack } from "./stack.ts";

const audio = readFileSync(join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3"));

/** A source that sends a file again and again in real time. */
export interface LoopSource {
  /** Whether its connection is open. */
  readonly isOpen: () => boolean;
  readonly stop: () => void;
}

/** On the air when it resolves, until it is stopped or sent away. Rejects when it is refused. */
export async function loopSource(
  { ingestPort }: Pick<Stack, "ingestPort">,
  mount: string,
  password: string,
): Promise<LoopSource> {
  const socket = await openSocket(ingestPort);
  const login = Buffer.from(`source:${password}`).toString("base64");
  socket.write(
    `SOURCE ${mount} HTTP/1.0\r\nAuthorization: Basic ${login}\r\nContent-Type: audio/mpeg\r\n\r\n`,
  );
  const reply = await readHead(socket);
  if (!reply.startsWith("HTTP/1.0 200 OK")) throw new Error(`the source was refused: ${reply}`);
  socket.resume();
  let at = 0;
  const timer = setInterval(() => {
    socket.write(audio.subarray(at, at + 4_000));
    at = (at + 4_000) % audio.length;
  }, 250);
  let isOpen = true;
  const close = () => {
    isOpen = false;
    clearInterval(timer);
    socket.destroy();
  };
  socket.once("end", close);
  socket.once("close", close);
  return { isOpen: () => isOpen, stop: close };
}
