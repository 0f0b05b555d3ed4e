import type { Socket } from "node:net";
import { adminCgiResponse, iceResponse, refusal, unauthorized } from "../shared/icecast-reply.ts";
import { MountPathError, mountPath } from "../shared/mount-path.ts";
import { parseBasicAuth } from "../shared/source/basic-auth.ts";
import { bodyFraming } from "../shared/source/body-framing.ts";
import type { MetadataRequest } from "../shared/source/metadata-request.ts";
import { header, type RequestHead } from "../shared/source/request-head.ts";
import { splitLogin } from "../shared/source/shoutcast-login.ts";
import type { Millis, MountPath } from "../shared/units.ts";
import { readUntil } from "./client-socket.ts";
import type { CredentialCheck } from "./credentials.ts";
import { adminBodyBytes } from "./limits.ts";
import type { MountTable } from "./mount-table.ts";

export interface AdminOptions {
  readonly credentials: CredentialCheck;
  readonly mounts: MountTable;
}

export interface AdminReply {
  readonly bytes: Uint8Array;
  /** Credentials were shown and are wrong. */
  readonly wrongLogin: boolean;
}

/**
 * Answers a title update. Checks come in Icecast's order: who asks, which mount, whether it is on air, what is asked.
 * A source that is just being let in is waited for: SHOUTcast clients send the title as soon as they have their OK2.
 */
export async function answerMetadata(
  head: Pick<RequestHead, "headers">,
  request: MetadataRequest,
  { credentials, mounts }: AdminOptions,
  now: Millis,
): Promise<AdminReply> {
  const shown = parseBasicAuth(header(head, "authorization"));
  const isShoutcast = request.dialect === "shoutcast";
  if (isShoutcast && request.pass === undefined && shown === null) return plain(refusal("missing-pass", now));

  const mount = namedMount(request);
  const allowed =
    isShoutcast && request.pass !== undefined
      ? shoutcastTarget(request.pass, mount, credentials, mounts)
      : shown !== null && (credentials.isAdmin(shown) || credentials.isSource(mount ?? null, shown))
        ? { mount }
        : null;
  if (allowed === null) {
    const wrongLogin = shown !== null || request.pass !== undefined;
    return { bytes: unauthorized(now), wrongLogin };
  }
  if (request.mount === undefined && !isShoutcast) return plain(refusal("unknown-admin-request", now));
  const session = allowed.mount ? await mounts.arriving(allowed.mount) : soleSession(mounts);
  if (!session) return plain(refusal("no-such-source", now));
  if (request.action === "missing-mode") return plain(refusal("missing-parameter", now));
  if (request.action === "unknown-mode") {
    return plain(isShoutcast ? refusal("no-such-action", now) : iceResponse("No such action", false, now));
  }
  if (request.title) session.setTitle(request.title);
  const done = "Metadata update successful";
  return plain(request.dialect === "icecast" ? iceResponse(done, true, now) : adminCgiResponse(done, now));
}

/** The form of a POSTed update, null when it does not come whole; "" for other methods. */
export async function readForm(
  socket: Socket,
  head: RequestHead,
  rest: Uint8Array,
  timeoutMs: number,
): Promise<string | null> {
  if (head.method !== "POST") return "";
  const framing = bodyFraming(head);
  const size = framing.kind === "length" ? framing.bytes : Number.POSITIVE_INFINITY;
  if (size > adminBodyBytes) return null;
  const parts = [rest];
  let received = rest.length;
  const take = (chunk: Uint8Array): true | null => {
    parts.push(chunk);
    received += chunk.length;
    return received >= size ? true : null;
  };
  if (received < size && (await readUntil(socket, take, timeoutMs)) === null) return null;
  return Buffer.concat(parts).subarray(0, size).toString("utf8");
}

const plain = (bytes: Uint8Array): AdminReply => ({ bytes, wrongLogin: false });

/** Undefined when the request names none, null when the name cannot be a mount. */
function namedMount(request: MetadataRequest): MountPath | null | undefined {
  if (request.mount === undefined) return undefined;
  try {
    return mountPath(request.mount);
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}

/**
 * Which mount `pass` opens; null for none. Without a name it is the station's SHOUTcast mount, or the mount whose own
 * password it is.
 */
function shoutcastTarget(
  pass: string,
  named: MountPath | null | undefined,
  credentials: CredentialCheck,
  mounts: MountTable,
): { readonly mount: MountPath | null } | null {
  const login = { ...splitLogin(pass), unsplit: pass };
  if (named === null) return credentials.shoutcastMount(login) === null ? null : { mount: null };
  if (named !== undefined) return credentials.isShoutcastSource(named, login) ? { mount: named } : null;
  const usual = credentials.shoutcastMount(login);
  if (usual === null) return null;
  if (mounts.isHeld(usual)) return { mount: usual };
  // A source that named its mount in the password line updates its titles without naming it.
  const own = mounts.sessions.filter(
    (session) => session.protocol === "SHOUTcast" && credentials.isShoutcastSource(session.mount, login),
  );
  return { mount: own[0]?.mount ?? usual };
}

/** With Basic credentials and no mount, SHOUTcast's update can only mean the one SHOUTcast source there is. */
function soleSession(mounts: MountTable) {
  const [only, ...more] = mounts.sessions.filter(({ protocol }) => protocol === "SHOUTcast");
  return more.length === 0 ? only : undefined;
}
