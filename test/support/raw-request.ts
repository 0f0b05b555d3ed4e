import { connect, type Socket } from "node:net";

const bytesOf = (data: Uint8Array | string) =>
  typeof data === "string" ? Buffer.from(data, "latin1") : data;

/** A socket that is connected; its errors are left to what is done with it next. */
export function openSocket(port: number, host = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

export interface RawRequestOptions {
  readonly host?: string;
  /** Close our side after the request, as `nc -N` does. */
  readonly halfClose?: boolean;
  /** Stop waiting for the server to close, and return what has come. */
  readonly timeoutMs?: number;
}

/** Sends bytes (a string is Latin-1) as they are and returns all bytes of the reply until the server closes. */
export async function rawRequest(
  port: number,
  request: Uint8Array | string,
  options: RawRequestOptions = {},
): Promise<Buffer> {
  const socket = await openSocket(port, options.host);
  const reply: Buffer[] = [];
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, options.timeoutMs ?? 5000);
    socket.on("data", (chunk: Buffer) => reply.push(chunk));
    for (const event of ["end", "close"]) {
      socket.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
    socket.write(bytesOf(request));
    if (options.halfClose === true) socket.end();
  });
  socket.destroy();
  return Buffer.concat(reply);
}

/** The reply's head once it is complete, blank line included; what follows stays on the socket. */
export function readHead(socket: Socket, timeoutMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const done = () => {
      clearTimeout(timer);
      socket.off("data", take);
      socket.off("end", ended);
    };
    const fail = (why: string) => {
      done();
      reject(new Error(`${why}, got ${JSON.stringify(got.toString("latin1"))}`));
    };
    const ended = () => fail("the server closed before the head was complete");
    const take = (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      const end = got.indexOf("\r\n\r\n");
      if (end < 0) return;
      done();
      socket.pause();
      if (got.length > end + 4) socket.unshift(got.subarray(end + 4));
      resolve(got.toString("latin1", 0, end + 4));
    };
    const timer = setTimeout(() => fail(`no head after ${timeoutMs / 1000} s`), timeoutMs);
    socket.on("data", take);
    socket.once("end", ended);
  });
}
