import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What one server asked: a line per POST, with what differs by nature taken out. */
export class AuthServer {
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const body: Buffer[] = [];
      request.on("data", (chunk: Buffer) => body.push(chunk));
      request.on("end", () => {
        const form = Buffer.concat(body).toString("latin1");
        const { "user-agent": agent, authorization, "content-type": type } = request.headers;
        this.asked.push(
          [`${request.method} ${request.url}`, `${authorization}`, `${agent}`, `${type}`, fixed(form)].join(
            " ",
          ),
        );
        // "bad" is the password of those who are to be refused.
        if (!/(?:^|&)pass=bad(?:&|$)/.test(form)) response.setHeader("icecast-auth-user", "1");
        if (form.includes("lim%3d1")) response.setHeader("icecast-auth-timelimit", "2");
        response.end("ignored");
      });
    });
  }

  static async open(): Promise<AuthServer> {
    const opened = new AuthServer();
    await new Promise<void>((resolve) => opened.#server.listen(0, "127.0.0.1", resolve));
    return opened;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const fixed = (form: string): string =>
  form
    .replace(/port=\d+/, "port=PORT")
    .replace(/client=\d+/, "client=ID")
    .replace(/duration=\d+/, "duration=N");
