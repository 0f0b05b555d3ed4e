import { setTimeout as sleep } from "node:timers/promises";
import type { Frame } from "../../shared/codec/codec.ts";
import { basic } from "./icecast-wire.ts";
import { SourceClient } from "./source-client.ts";
import { waitFor } from "./wait.ts";

/** Where an encoder connects and as whom. */
export interface SourceLogin {
  readonly port: number;
  readonly password: string;
}

/** Sends frames in real time over a connection that stays open when it has nothing to send. */
export class Encoder {
  readonly #client: SourceClient;
  /** Frames sent so far. */
  sent = 0;

  constructor(client: SourceClient) {
    this.#client = client;
  }

  /** Whether the server has closed, or cut, the connection. */
  get closed(): boolean {
    return this.#client.ended || this.#client.wasReset;
  }

  /** Sends these frames; ends early when the connection does. */
  async send(frames: readonly Frame[]): Promise<void> {
    const startedAt = performance.now();
    let sentMs = 0;
    for (const frame of frames) {
      if (this.closed) return;
      this.#client.send(frame.bytes);
      this.sent++;
      sentMs += (frame.samples * 1000) / frame.format.sampleRate;
      const aheadMs = sentMs - (performance.now() - startedAt);
      if (aheadMs > 40) await sleep(aheadMs);
    }
  }

  /** Closes the connection as a source does that has finished. */
  stop(): void {
    this.#client.socket.end();
  }

  /** Cuts it. */
  destroy(): void {
    this.#client.destroy();
  }
}

/** Asks once for a mount; what was said instead when it is refused. */
export async function askForMount(login: SourceLogin, mount: string): Promise<Encoder | string> {
  const head = `SOURCE ${mount} HTTP/1.0\r\n${basic("source", login.password)}Content-Type: audio/mpeg\r\n\r\n`;
  const client = await SourceClient.open(login.port, head);
  await waitFor("a reply", () => client.received.includes("\r\n\r\n") || client.ended);
  if (client.received.startsWith("HTTP/1.0 200")) return new Encoder(client);
  return client.text();
}

/** Asks until the mount is granted, as encoders do; `refusals` gets what was said before. Rejects after `timeoutMs`. */
export function takeMount(
  login: SourceLogin,
  mount: string,
  { refusals = [], timeoutMs = 15_000 }: { readonly refusals?: string[]; readonly timeoutMs?: number } = {},
): Promise<Encoder> {
  return waitFor(
    `${mount} to be granted, refused with ${JSON.stringify(refusals.slice(-2))}`,
    async () => {
      const reply = await askForMount(login, mount);
      if (typeof reply !== "string") return reply;
      refusals.push(reply);
      await sleep(150);
      return undefined;
    },
    timeoutMs,
  );
}
