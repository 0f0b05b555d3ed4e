import type { Socket } from "node:net";
import { errorReply, refusal, unauthorized } from "../shared/icecast-reply.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import { isMetadataPath, parseMetadataRequest } from "../shared/source/metadata-request.ts";
import {
  header,
  type RequestHead,
  RequestHeadError,
  RequestHeadParser,
} from "../shared/source/request-head.ts";
import { millis } from "../shared/units.ts";
import { type AdminOptions, answerMetadata, readForm } from "./admin.ts";
import { finish, isOwnMachine, lateReason, peerAddress, readUntil } from "./client-socket.ts";
import type { Health } from "./health.ts";
import { headLimits } from "./limits.ts";
import { LoginLog } from "./login-log.ts";
import { LoginThrottle } from "./login-throttle.ts";
import { type PassOnOptions, type PassOnRequest, passOn } from "./pass-on.ts";
import { serveShoutcast } from "./shoutcast-connection.ts";
import { type SourceConnectionOptions, serveSource } from "./source-connection.ts";
import type { StationServices } from "./station-services.ts";
import type { Standstill } from "./standstill.ts";
import { splitTarget } from "./target.ts";

export interface ConnectionOptions
  extends AdminOptions,
    Omit<SourceConnectionOptions, "refuse" | "loginLog">,
    Omit<PassOnOptions, "log"> {
  readonly health: Health;
  readonly headerTimeoutMs: number;
  /** Answers what this host has an answer of its own to, Icecast's STATS method among it. The socket is paused. */
  readonly services: Pick<StationServices, "answer" | "isHidden">;
  readonly standstill: Pick<Standstill, "isJustOver">;
  readonly onWrongPassword: () => void;
}

/** Methods that may be passed on. */
const edgeMethods = new Set(["GET", "HEAD", "POST", "OPTIONS", "DELETE"]);

/** What is done with a connection from its first byte to its last. Never rejects for what a client does. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #throttle = new LoginThrottle();
  readonly #loginLog: LoginLog;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#loginLog = new LoginLog(options.log);
  }

  /** A connection of the main port. */
  async serve(socket: Socket, secure: boolean): Promise<void> {
    await this.#guard(socket, malformedRequest, () => this.#serveHttp(socket, new Uint8Array(0), secure));
  }

  /** A connection of the SHOUTcast port; HTTP requests are understood there as well. */
  async serveShoutcast(socket: Socket, secure: boolean): Promise<void> {
    await this.#guard(socket, closedUnheard, () =>
      serveShoutcast(socket, {
        ...this.#options,
        loginLog: this.#loginLog,
        refuse: this.#refuse,
        serveHttp: (client, start) => this.#serveHttp(client, start, secure),
      }),
    );
  }

  async #guard(
    socket: Socket,
    malformed: (error: ProtocolError) => Uint8Array,
    serve: () => Promise<void>,
  ): Promise<void> {
    // Resets may come in any phase; the close that follows each is what is acted on.
    socket.on("error", () => undefined);
    try {
      await serve();
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#options.log.warn({ client: peerAddress(socket), reason: error.message }, "request refused");
        return this.#refuse(socket, malformed(error));
      }
      this.#options.log.error({ client: peerAddress(socket), err: error }, "request failed");
      socket.destroy();
    }
  }

  async #serveHttp(socket: Socket, start: Uint8Array, secure: boolean): Promise<void> {
    const parser = new RequestHeadParser(headLimits);
    const early = start.length > 0 ? parser.push(start) : null;
    const head =
      early ?? (await readUntil(socket, (chunk) => parser.push(chunk), this.#options.headerTimeoutMs));
    // Nothing, or never the end of it: Icecast closes without a word.
    if (head === null) {
      const reason = lateReason(socket, this.#options.headerTimeoutMs);
      if (reason !== null) this.#options.log.warn({ client: peerAddress(socket), reason }, "request refused");
      return finish(socket);
    }
    await this.#dispatch(socket, head, parser.rest, secure);
  }

  async #dispatch(socket: Socket, head: RequestHead, rest: Uint8Array, secure: boolean): Promise<void> {
    const now = millis(Date.now());
    if (head.method === "SOURCE" || head.method === "PUT") {
      return serveSource(socket, head, rest, {
        ...this.#options,
        loginLog: this.#loginLog,
        refuse: this.#refuse,
      });
    }
    // libshout's probe for TLS. Without `Allow` it goes on as with Icecast.
    if (head.method === "OPTIONS" && head.target === "*") return finish(socket, emptyReply);
    const target = splitTarget(head.target);
    if (target === null) return finish(socket, refusal("unknown-request", now));
    if (target.path === "/admin/!POKE") return finish(socket, refusal("unrecognised-command", now));
    const isRead = head.method === "GET" || head.method === "HEAD";
    if (isMetadataPath(target.path) && (isRead || head.method === "POST")) {
      return this.#serveMetadata({ socket, head, target, rest, secure });
    }
    if (target.path === "/health" && target.query === "alive" && isRead) return finish(socket, emptyReply);
    if (target.path === "/health" && isRead) return this.#serveHealth(socket, head.method === "HEAD");
    const request = { socket, head, target, rest, secure };
    const answer = await this.#options.services.answer(request);
    if (answer === "answered") return;
    if (answer === "wrong-login") return this.#refuseReader(socket, target.path);
    if (!edgeMethods.has(head.method)) return finish(socket, refusal("unknown-request", now));
    passOn(request, this.#options);
  }

  async #serveMetadata(asked: PassOnRequest): Promise<void> {
    const { socket, head, target, rest } = asked;
    const { path, query } = target;
    if (isFromBrowser(head) || isFigures(query)) return passOn(asked, this.#options);
    const form = await readForm(socket, head, rest, this.#options.headerTimeoutMs);
    if (form === null) return finish(socket, refusal("unknown-request", millis(Date.now())));
    const client = peerAddress(socket);
    const request = parseMetadataRequest(path, query, form.toString("utf8"));
    const reply = await answerMetadata({ head, request, ip: client }, this.#options);
    // Half a minute late it would take the place of titles that were set on another host since.
    if (reply === null && this.#options.standstill.isJustOver) return finish(socket, stoodStill());
    if (reply === null) return passOn({ ...asked, rest: form }, this.#options);
    if (reply.refusal) {
      const { kind, reason } = reply.refusal;
      this.#loginLog.refused(client, path, () =>
        this.#options.log.warn({ client }, `title refused: ${reason}`),
      );
      return this.#refuse(socket, reply.bytes, kind === "wrong-password" ? kind : undefined);
    }
    finish(socket, reply.bytes);
  }

  /** Of who wanted to read figures. */
  #refuseReader(socket: Socket, path: string): void {
    const client = peerAddress(socket);
    this.#loginLog.refused(client, path, () =>
      this.#options.log.warn({ client }, "figures refused: wrong user or password"),
    );
    this.#refuse(socket, unauthorized(millis(Date.now())), "wrong-password");
  }

  async #serveHealth(socket: Socket, headOnly: boolean): Promise<void> {
    const { health, services } = this.#options;
    // Of hidden mounts whoever looks after this machine may know.
    const report = await (isOwnMachine(socket)
      ? health.report()
      : health.report((mount) => !services.isHidden(mount)));
    const body = Buffer.from(`${JSON.stringify(report)}\n`);
    const status = report.ok ? "200 OK" : "503 Service Unavailable";
    const head =
      `HTTP/1.0 ${status}\r\nConnection: Close\r\nContent-Type: application/json\r\n` +
      `Cache-Control: no-store\r\nContent-Length: ${body.length}\r\n\r\n`;
    finish(socket, headOnly ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]));
  }

  readonly #refuse = (socket: Socket, reply: Uint8Array, why?: "wrong-password"): void => {
    const address = peerAddress(socket);
    const now = performance.now();
    const throttle = this.#throttle;
    if (why) this.#options.onWrongPassword();
    const delayMs = why ? throttle.wrongPassword(address, now) : throttle.refused(address, now);
    if (delayMs === null) socket.destroy();
    else if (delayMs === 0) finish(socket, reply);
    else setTimeout(() => finish(socket, reply), delayMs);
  };
}

/** What SHOUTcast's tools ask of `admin.cgi`, which is the edge's to answer. */
const isFigures = (query: string): boolean =>
  new URLSearchParams(query).get("mode")?.startsWith("view") === true;

/**
 * A browser shows the credentials that it has kept to whoever makes it ask: the edge lets it do nothing that changes
 * something without its own form. Encoders that call themselves Mozilla accept no languages,
 * and Node's `fetch` has a Sec-Fetch-Mode.
 */
function isFromBrowser(head: RequestHead): boolean {
  const agent = header(head, "user-agent") ?? "";
  const speaks = header(head, "accept-language") !== undefined;
  const marks = ["sec-fetch-site", "origin"];
  return marks.some((name) => header(head, name) !== undefined) || (speaks && agent.startsWith("Mozilla/"));
}

function malformedRequest(error: ProtocolError): Uint8Array {
  const status = error instanceof RequestHeadError && error.reason === "too-large" ? 431 : 400;
  return errorReply(status, error.message, millis(Date.now()));
}

/** SHOUTcast has no words for a refusal. */
const closedUnheard = () => new Uint8Array(0);

const stoodStill = (): Uint8Array => errorReply(503, "this host stood still, try again", millis(Date.now()));

const emptyReply = Buffer.from(
  "HTTP/1.0 200 OK\r\nServer: Skywave\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
);
