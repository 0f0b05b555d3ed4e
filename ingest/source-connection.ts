import type { Socket } from "node:net";
import type { Codec } from "../shared/codec/codec.ts";
import {
  errorReply,
  refusal,
  sourceAccepted,
  unauthorized,
  unsupportedContentType,
} from "../shared/icecast-reply.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import { parseBasicAuth } from "../shared/source/basic-auth.ts";
import { bodyFraming } from "../shared/source/body-framing.ts";
import { expectsContinue, header, type RequestHead } from "../shared/source/request-head.ts";
import { declaredContentType, readSourceInfo } from "../shared/source/source-headers.ts";
import { type Millis, type MountPath, millis } from "../shared/units.ts";
import { finish, lineOf, peerAddress } from "./client-socket.ts";
import type { CredentialCheck, LoginRefusal } from "./credentials.ts";
import type { Log } from "./log.ts";
import type { LoginLog } from "./login-log.ts";
import type { IntakeRefusal, SourceIntake } from "./source-intake.ts";

export interface SourceConnectionOptions {
  readonly credentials: CredentialCheck;
  readonly intake: SourceIntake;
  readonly codec: Codec;
  readonly log: Log;
  readonly loginLog: LoginLog;
  /** Sends a refusal, held back when its address is refused often, most of all for wrong passwords. */
  readonly refuse: (socket: Socket, reply: Uint8Array, why?: "wrong-password") => void;
}

/** SOURCE and PUT: login, mount, content type, claim; only then is the body asked for. */
export async function serveSource(
  socket: Socket,
  head: RequestHead,
  rest: Uint8Array,
  options: SourceConnectionOptions,
): Promise<void> {
  const { credentials, intake, codec, refuse } = options;
  const ip = peerAddress(socket);
  const mount = mountOf(head.target);
  const named = typeof mount === "string" ? mount : null;
  const log = options.log.child({ source: ip, ...(named === null ? {} : { mount: named }) });

  const shown = parseBasicAuth(header(head, "authorization"));
  // Not a failed login: libshout asks for the 401 before it shows a password.
  if (shown === null) return finish(socket, unauthorized(millis(Date.now())));
  const login = await credentials.sourceLogin(named, shown, { ip, admin: false });
  const now = millis(Date.now());
  if (login.kind !== "login") {
    const { kind, reason } = login;
    // Which DJ is early or late is worth a line each.
    const what = kind === "off-slot" ? `${named} ${shown.user}` : (named ?? undefined);
    options.loginLog.refused(ip, what, () => log.warn({}, `source refused: ${reason}`));
    return refuse(socket, loginRefusal(login, now), kind === "wrong-password" ? kind : undefined);
  }
  if (mount instanceof MountPathError) {
    log.warn({ reason: mount.message }, "source refused");
    return refuse(socket, errorReply(400, mount.message, now));
  }
  const contentType = declaredContentType(head);
  if (contentType === undefined && head.method === "PUT") {
    log.warn({}, "source refused: no content type");
    return refuse(socket, refusal("no-content-type", now));
  }
  if (contentType !== undefined && !codec.sourceContentTypes.includes(contentType)) {
    log.warn({ contentType }, "source refused: content type not supported");
    return refuse(socket, unsupportedContentType(codec.sourceContentTypes, now));
  }
  const framing = framingOf(head);
  if (framing instanceof ProtocolError) return refuse(socket, errorReply(501, framing.message, now));

  const info = readSourceInfo(head, { ip, protocol: head.method });
  const session = await intake.admit({ mount, login, info }, lineOf(socket));
  if (typeof session === "string") {
    log.warn({ reason: session }, "source refused");
    return refuse(socket, refusalOf(session, millis(Date.now())));
  }
  if (!socket.destroyed) socket.write(sourceAccepted(expectsContinue(head)));
  intake.stream(socket, session, framing, rest);
}

/** The reply to a login that opens nothing. */
export function loginRefusal({ kind }: LoginRefusal, now: Millis): Uint8Array {
  if (kind !== "busy") return unauthorized(now);
  return errorReply(503, "too many logins are being looked at, try again", now);
}

/** libshout gives up for good on a 403: what passes by itself is a 503. */
function refusalOf(reason: IntakeRefusal, now: Millis): Uint8Array {
  if (reason === "edge-unavailable")
    return errorReply(503, "the station cannot take a source right now, try again", now);
  if (reason === "mount-arriving")
    return errorReply(503, "this source is being let in on another connection, try again", now);
  if (reason === "mount-draining")
    return errorReply(503, "what the last source sent ahead of time is still on air, try again", now);
  return refusal(reason, now);
}

function mountOf(target: string): MountPath | MountPathError {
  try {
    return parseMountPath(target);
  } catch (error) {
    if (error instanceof MountPathError) return error;
    throw error;
  }
}

function framingOf(head: RequestHead) {
  try {
    return bodyFraming(head);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
