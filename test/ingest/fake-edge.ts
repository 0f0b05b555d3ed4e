import * as http from "node:http";
import type { z } from "zod";
import { announceSchema, claimSchema, type HoldReply, renewSchema } from "../../shared/edge-api.ts";

export interface StoredObject {
  readonly body: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

const apis = ["claim", "announce", "renew", "release"] as const;
type Api = (typeof apis)[number];

/**
 * A real HTTP server in the place of storage and edge: takes signed PUTs under `/bucket/`, answers the ingest API, and
 * passes everything else to `onRequest`. Tests turn its behaviour as they go.
 */
export class FakeEdge {
  readonly objects = new Map<string, StoredObject>();
  /** Every call in the order in which it came, as "put KEY", "claim /mount", "announce 1/0". */
  readonly calls: string[] = [];
  readonly claims: z.infer<typeof claimSchema>[] = [];
  readonly announcements: z.infer<typeof announceSchema>[] = [];
  /** Status to answer instead of doing the thing; "hang" never answers. */
  putAnswer: number | "hang" | null = null;
  /** How long a PUT takes, ms. */
  putDelayMs = 0;
  apiAnswer: Partial<Record<Api, number | "hang">> = {};
  /** What announcements and renewals are told. */
  holdReply: HoldReply = { orders: [] };
  /** The newest order that a call named as done. */
  ordersDone: number | undefined;
  /** What claims are told of a gap. */
  gapMs: number | null = null;
  /** Mounts that have a source, on whatever host; without any, `onRequest` is asked for statistics. */
  onAir: readonly string[] = [];
  /** Closes the connection of the next request without an answer, as a server does with one it held idle too long. */
  dropNextRequest = false;
  onRequest: http.RequestListener = (_, response) => response.writeHead(404).end();
  readonly token = "ingest-token";
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  #epoch = 0;
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

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (this.dropNextRequest) {
      this.dropNextRequest = false;
      request.socket.destroy();
      return;
    }
    const path = request.url ?? "";
    const key = /^\/bucket\/(.+)$/.exec(path)?.[1];
    if (key !== undefined) return this.#put(key, request, response);
    const call = apis.find((name) => path === `/api/ingest/v1/${name}`);
    if (call !== undefined) return this.#api(call, request, response);
    if (path === "/api/ingest/v1/statistics" && this.onAir.length > 0) {
      const sources = Object.fromEntries(this.onAir.map((mount) => [mount, {}]));
      response.end(JSON.stringify({ global: {}, sources }));
      return;
    }
    if (path === "/health" && request.headers["x-skywave-ingest"] === undefined) {
      response.end("{}");
      return;
    }
    this.onRequest(request, response);
  }

  async #put(key: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    this.calls.push(`put ${key}`);
    if (this.putAnswer === "hang") return;
    if (this.putDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.putDelayMs));
    const signed = request.headers.authorization?.startsWith("AWS4-HMAC-SHA256 ") ?? false;
    if (!signed || request.headers["if-none-match"] !== "*") response.writeHead(400).end();
    else if (this.putAnswer !== null) response.writeHead(this.putAnswer).end("<Error/>");
    else if (this.objects.has(key)) response.writeHead(412).end();
    else {
      const metadata = Object.fromEntries(
        Object.entries(request.headers)
          .filter(([name]) => name.startsWith("x-amz-meta-"))
          .map(([name, value]) => [name.slice("x-amz-meta-".length), String(value)]),
      );
      this.objects.set(key, { body, metadata });
      response.writeHead(200).end();
    }
  }

  async #api(call: Api, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body: unknown = JSON.parse((await bodyOf(request)).toString());
    const answer = this.apiAnswer[call];
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401).end();
      return;
    }
    if (answer === "hang") return;
    if (answer !== undefined) {
      response.writeHead(answer).end(JSON.stringify({ error: "test", message: "test" }));
      return;
    }
    if (call === "claim") {
      const claim = claimSchema.parse(body);
      this.claims.push(claim);
      this.calls.push(`claim ${claim.mount}`);
      this.#epoch++;
      response.end(JSON.stringify({ epoch: this.#epoch, gapMs: this.gapMs }));
      return;
    }
    if (call === "announce") {
      const announcement = announceSchema.parse(body);
      this.announcements.push(announcement);
      this.ordersDone = announcement.ordersDone ?? this.ordersDone;
      this.calls.push(`announce ${announcement.segment.epoch}/${announcement.segment.sequence}`);
    } else {
      const { mount, ordersDone } = renewSchema.parse(body);
      this.calls.push(`${call} ${mount}`);
      this.ordersDone = ordersDone ?? this.ordersDone;
    }
    response.end(JSON.stringify(this.holdReply));
  }
}

export async function bodyOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
