import type { Socket } from "node:net";
import { openSocket, readHead } from "./raw-request.ts";
import type { Stack } from "./stack.ts";

/** A source that is on air and has not sent a byte. Rejects when the ingest does not answer 200. */
export async function claim(
  { ingestPort, password }: Pick<Stack, "ingestPort" | "password">,
  mount: string,
): Promise<Socket> {
  const socket = await openSocket(ingestPort);
  const login = Buffer.from(`source:${password}`).toString("base64");
  socket.write(
    `SOURCE ${mount} HTTP/1.0\r\nAuthorization: Basic ${login}\r\nContent-Type: audio/mpeg\r\n\r\n`,
  );
  const reply = await readHead(socket);
  if (!reply.startsWith("HTTP/1.0 200 OK")) throw new Error(`the source was refused: ${reply}`);
  socket.resume();
  return socket;
}
