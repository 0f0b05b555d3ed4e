import type { Socket } from "node:net";
import { shoutcastAccepted } from "../shared/icecast-reply.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import type { Header } from "../shared/source/request-head.ts";
import { type ShoutcastEvent, ShoutcastLoginParser } from "../shared/source/shoutcast-login.ts";
import { declaredContentType, readSourceInfo } from "../shared/source/source-headers.ts";
import type { MountPath } from "../shared/units.ts";
import { finish, lateReason, peerAddress, readUntil } from "./client-socket.ts";
import { headLimits } from "./limits.ts";
import type { SourceConnectionOptions } from "./source-connection.ts";

export interface ShoutcastConnectionOptions extends SourceConnectionOptions {
  readonly headerTimeoutMs: number;
  /** An HTTP request on this port: all its bytes so far. */
  readonly serveHttp: (socket: Socket, start: Uint8Array) => Promise<void>;
}

/** How a login ended; "refused": it was answered as far as its protocol allows. */
type Login =
  | { readonly kind: "accepted"; readonly mount: MountPath; readonly headers: readonly Header[] }
  | { readonly kind: "http" }
  | { readonly kind: "probe" }
  | { readonly kind: "refused"; readonly reason: string; readonly why?: "wrong-password" };

const nothing = new Uint8Array(0);

/**
 * The port above: SHOUTcast v1 sources. `OK2` goes out as soon as the password is right, because some clients wait for
 * it before they send anything else; a refusal is a closed connection, as the protocol has no words for it.
 */
export async function serveShoutcast(socket: Socket, options: ShoutcastConnectionOptions): Promise<void> {
  const { credentials, intake, codec, refuse } = options;
  const ip = peerAddress(socket);
  const log = options.log.child({ source: ip, protocol: "SHOUTcast" });
  const parser = new ShoutcastLoginParser(headLimits);
  const logins = new LoginReader(socket, parser, options);
  const login = await readUntil(socket, (chunk) => logins.take(chunk), options.headerTimeoutMs);
  if (login === null) {
    const reason = lateReason(socket, options.headerTimeoutMs);
    if (reason !== null) log.warn({ reason }, "source refused");
    return finish(socket);
  }
  if (login.kind === "probe") return finish(socket);
  if (login.kind === "http") return options.serveHttp(socket, parser.rest);
  if (login.kind === "refused") {
    const tell = () => log.warn({ reason: login.reason }, "source refused");
    if (login.why) options.loginLog.wrongPassword(ip, undefined, tell);
    else tell();
    return refuse(socket, nothing, login.why);
  }
  const { mount, headers } = login;
  const contentType = declaredContentType({ headers });
  if (contentType !== undefined && !codec.sourceContentTypes.includes(contentType)) {
    log.warn({ mount, contentType }, "source refused: content type not supported");
    return refuse(socket, nothing);
  }
  const info = readSourceInfo({ headers }, { ip, protocol: "SHOUTcast" });
  const credential = credentials.sourceCredential(mount);
  const session = await intake.admit({ mount, credential, user: null, info }, socket);
  if (typeof session === "string") {
    log.warn({ mount, reason: session }, "source refused");
    return refuse(socket, nothing);
  }
  intake.stream(socket, session, { kind: "until-close" }, parser.rest);
}

/** Answers the password as it comes and collects the headers after it. */
class LoginReader {
  readonly #socket: Socket;
  readonly #parser: ShoutcastLoginParser;
  readonly #options: ShoutcastConnectionOptions;
  #mount: MountPath | null = null;

  constructor(socket: Socket, parser: ShoutcastLoginParser, options: ShoutcastConnectionOptions) {
    this.#socket = socket;
    this.#parser = parser;
    this.#options = options;
  }

  /** Throws ProtocolError. */
  take(chunk: Uint8Array): Login | null {
    for (const event of this.#parser.push(chunk)) {
      const login = this.#takeEvent(event);
      if (login !== null) return login;
    }
    return null;
  }

  #takeEvent(event: ShoutcastEvent): Login | null {
    if (event.kind === "probe" || event.kind === "http") return { kind: event.kind };
    if (event.kind === "headers") {
      return this.#mount && { kind: "accepted", mount: this.#mount, headers: event.headers };
    }
    const mount = this.#mountOf(event);
    if (mount === null) return { kind: "refused", reason: "wrong password or mount", why: "wrong-password" };
    const { intake, credentials } = this.#options;
    const reason = intake.refusal({ mount, credential: credentials.sourceCredential(mount) });
    if (reason !== null) return { kind: "refused", reason };
    this.#mount = mount;
    this.#socket.write(shoutcastAccepted());
    return null;
  }

  #mountOf(event: Extract<ShoutcastEvent, { kind: "password" }>): MountPath | null {
    const { credentials } = this.#options;
    if (event.mount === undefined) return credentials.shoutcastMount(event);
    try {
      const mount = parseMountPath(event.mount);
      return credentials.isShoutcastSource(mount, event) ? mount : null;
    } catch (error) {
      if (error instanceof MountPathError) return null;
      throw error;
    }
  }
}
