import { createHmac } from "node:crypto";
import * as http from "node:http";

export interface Received {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Somebody else's web server: keeps what is POSTed to it, and answers as the test says. */
export class Receiver {
  readonly requests: Received[] = [];
  /** 200 unless a test says otherwise; "hang" is none. */
  answer: (
    request: Received,
  ) => { status?: number; headers?: Record<string, string>; body?: string } | "hang" = () => ({});
  readonly #server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const received = { url: request.url ?? "", headers, body: Buffer.concat(parts).toString() };
      this.requests.push(received);
      const answer = this.answer(received);
      if (answer === "hang") return;
      response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
    });
  });
  url = "";

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port was bound");
    this.url = `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** The signature that a webhook with this secret (base64) must have. */
export function webhookSignature(secret: string, { headers, body }: Received): string {
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return `v1,${createHmac("sha256", Buffer.from(secret, "base64")).update(content).digest("base64")}`;
}
