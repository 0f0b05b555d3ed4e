import { type ClientRequest, get, type IncomingMessage } from "node:http";

/** A listener that keeps every byte with the time it came. */
export interface Listening {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: IncomingMessage["headers"];
  /** Chunks as they came; `atMs` counts from the request. */
  readonly chunks: readonly { readonly atMs: number; readonly bytes: Buffer }[];
  bytes(): Buffer;
  /** Resolves when the server has ended the stream or `close` was called. */
  readonly ended: Promise<void>;
  close(): void;
}

const open = new Set<ClientRequest>();
process.once("exit", () => {
  for (const request of open) request.destroy();
});

/** Listens to a URL; resolves with the reply's head. */
export function listen(
  url: string,
  options: { readonly icy?: boolean; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Listening> {
  const startedAt = performance.now();
  const icy = options.icy === true ? { "Icy-MetaData": "1" } : {};
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { ...icy, ...options.headers }, agent: false }, (response) => {
      const chunks: { atMs: number; bytes: Buffer }[] = [];
      response.on("data", (bytes: Buffer) => chunks.push({ atMs: performance.now() - startedAt, bytes }));
      response.on("error", () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        chunks,
        bytes: () => Buffer.concat(chunks.map((chunk) => chunk.bytes)),
        ended: new Promise((end) => response.once("close", end)),
        close: () => request.destroy(),
      });
    });
    open.add(request);
    request.once("error", reject);
    request.once("close", () => open.delete(request));
  });
}
