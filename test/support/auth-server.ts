import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One POST as it came. */
export interface AuthPost {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface AuthServer {
  readonly url: string;
  readonly posts: readonly AuthPost[];
  close(): Promise<void>;
}

/** An authentication server for listeners that keeps what it is told; `answer` answers each POST, or never does. */
export async function startAuthServer(
  answer: (post: AuthPost, response: ServerResponse) => void,
): Promise<AuthServer> {
  const posts: AuthPost[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const post = {
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString("latin1"),
      };
      posts.push(post);
      answer(post, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
