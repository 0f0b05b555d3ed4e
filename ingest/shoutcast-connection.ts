import type { Socket } from "node:net";
import { shoutcastAccepted } from "../shared/icecast-reply.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import { type ShoutcastEvent, ShoutcastLoginParser } from "../shared/source/shoutcast-login.ts";
import { declaredContentType, readSourceInfo } from "../shared/source/source-headers.ts";
import type { MountPath } from "../shared/units.ts";
import { finish, lateReason, lineOf, peerAddress, readUntil } from "./client-socket.ts";
import { headLimits } from "./limits.ts";
import type { LoginRefusal, SourceLogin } from "./credentials.ts";
import type { SourceConnectionOptions } from "./source-connection.ts";

export interface ShoutcastConnectionOptions extends SourceConnectionOptions {
  readonly headerTimeoutMs: number;
  /** An HTTP request on this port: all its bytes so far. */
  readonly serveHttp: (socket: Socket, start: Uint8Array) => Promise<void>;
}

/** What its first line says. */
type FirstLine = Extract<ShoutcastEvent, { kind: "password" }>;
interface Admitted {
  readonly mount: MountPath;
  readonly login: SourceLogin;
}

const nothing = new Uint8Array(0);

/**
 * The port above: SHOUTcast v1 sources. `OK2` goes out as soon as the password is right, because some clients wait for
 * it before they send anything else; a refusal is a closed connection, as the protocol has no words for it.
 */
export async function serveShoutcast(socket: Socket, options: ShoutcastConnectionOptions): Promise<void> {
  const { intake, codec, refuse } = options;
  const ip = peerAddress(socket);
  const log = options.log.child({ source: ip, protocol: "SHOUTcast" });
  const events = new LoginEvents(socket, options.headerTimeoutMs);
  const first = await events.next();
  if (first === null) return events.late((reason) => log.warn({ reason }, "source refused"));
  if (first.kind === "probe") return finish(socket);
  if (first.kind === "http") return options.serveHttp(socket, events.rest);
  const admitted = first.kind === "password" ? await openMount(first, ip, options) : wrongMount;
  if ("kind" in admitted) {
    const { kind, reason } = admitted;
    options.loginLog.refused(ip, undefined, () => log.warn({ reason }, "source refused"));
    return refuse(socket, nothing, kind === "wrong-password" ? kind : undefined);
  }
  const early = intake.refusal(admitted);
  if (early !== null) {
    log.warn({ reason: early }, "source refused");
    return refuse(socket, nothing);
  }
  if (!socket.destroyed) socket.write(shoutcastAccepted());

  const { mount } = admitted;
  const second = await events.next();
  if (second?.kind !== "headers") return events.late((reason) => log.warn({ reason }, "source refused"));
  const { headers } = second;
  const contentType = declaredContentType({ headers });
  if (contentType !== undefined && !codec.sourceContentTypes.includes(contentType)) {
    log.warn({ mount, contentType }, "source refused: content type not supported");
    return refuse(socket, nothing);
  }
  const info = readSourceInfo({ headers }, { ip, protocol: "SHOUTcast" });
  const session = await intake.admit({ ...admitted, info }, lineOf(socket));
  if (typeof session === "string") {
    log.warn({ mount, reason: session }, "source refused");
    return refuse(socket, nothing);
  }
  intake.stream(socket, session, { kind: "until-close" }, events.rest);
}

const wrongMount: LoginRefusal = { kind: "wrong-password", reason: "wrong password or mount" };

/** The mount that a password line opens. */
async function openMount(
  line: FirstLine,
  ip: string,
  { credentials }: ShoutcastConnectionOptions,
): Promise<Admitted | LoginRefusal> {
  const asker = { ip, admin: false };
  if (line.mount === undefined) {
    const found = await credentials.shoutcastMount(line, asker);
    return "kind" in found && found.kind === "wrong-password" ? wrongMount : found;
  }
  try {
    const mount = parseMountPath(line.mount);
    const login = await credentials.shoutcastLogin(mount, line, asker);
    return login.kind === "login" ? { mount, login } : login;
  } catch (error) {
    if (error instanceof MountPathError) return wrongMount;
    throw error;
  }
}

/** What a login says, one thing after the other; it has `timeoutMs` for all of it. */
class LoginEvents {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #parser = new ShoutcastLoginParser(headLimits);
  readonly #events: ShoutcastEvent[] = [];
  #spentMs = 0;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  /** What came after the last event. */
  get rest(): Uint8Array {
    return this.#parser.rest;
  }

  /** Null when the peer closed, or was too slow. Rejects with ProtocolError. */
  async next(): Promise<ShoutcastEvent | null> {
    const known = this.#events.shift();
    if (known) return known;
    const startedMs = performance.now();
    const take = (chunk: Uint8Array): ShoutcastEvent | null => {
      this.#events.push(...this.#parser.push(chunk));
      return this.#events.shift() ?? null;
    };
    const event = await readUntil(this.#socket, take, Math.max(0, this.#timeoutMs - this.#spentMs));
    this.#spentMs += performance.now() - startedMs;
    return event;
  }

  /** Closes when `next` gave null; `tell` gets the reason where there is one to tell. */
  late(tell: (reason: string) => void): void {
    const reason = lateReason(this.#socket, this.#timeoutMs);
    if (reason !== null) tell(reason);
    finish(this.#socket);
  }
}
