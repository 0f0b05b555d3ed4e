import type { Socket } from "node:net";
import { adminCgiResponse, iceResponse, refusal } from "../shared/icecast-reply.ts";
import { mountOrNull } from "../shared/mount-path.ts";
import { parseBasicAuth } from "../shared/source/basic-auth.ts";
import { bodyFraming } from "../shared/source/body-framing.ts";
import type { MetadataRequest } from "../shared/source/metadata-request.ts";
import { header, type RequestHead } from "../shared/source/request-head.ts";
import { splitLogin } from "../shared/source/shoutcast-login.ts";
import { type Millis, type MountPath, millis } from "../shared/units.ts";
import { readUntil } from "./client-socket.ts";
import type { Asker, CredentialCheck, LoginRefusal, ShownCredentials } from "./credentials.ts";
import { adminBodyBytes } from "./limits.ts";
import type { MountTable } from "./mount-table.ts";
import { loginRefusal } from "./source-connection.ts";

export interface AdminOptions {
  readonly credentials: CredentialCheck;
  readonly mounts: MountTable;
  /** Whether a mount that this host does not have has a source; false too when nobody can be asked. */
  readonly onAirElsewhere: (mount: MountPath) => Promise<boolean>;
}

export interface AdminReply {
  readonly bytes: Uint8Array;
  /** Credentials were shown that open nothing; absent when none were, or they do. */
  readonly refusal?: LoginRefusal;
}

/** A title update and who asks for it. */
export interface MetadataCall {
  readonly head: Pick<RequestHead, "headers">;
  readonly request: MetadataRequest;
  readonly ip: string;
}

/**
 * Answers a title update. Checks come in Icecast's order: who asks, which mount, whether it is on air, what is asked.
 * A source that is just being let in is waited for: SHOUTcast clients send the title as soon as they have their OK2.
 * Null when another host has the mount: the edge tells that one.
 */
export async function answerMetadata(
  { head, request, ip }: MetadataCall,
  { credentials, mounts, onAirElsewhere }: AdminOptions,
): Promise<AdminReply | null> {
  const shown = parseBasicAuth(header(head, "authorization"));
  const isShoutcast = request.dialect === "shoutcast";
  const asker: Asker = { ip, admin: true };
  const mount = namedMount(request);
  if (isShoutcast && request.pass === undefined && shown === null)
    return plain(refusal("missing-pass", clock()));
  const isElsewhere = async (at: MountPath) => !mounts.isHeld(at) && (await onAirElsewhere(at));
  if (mount && (await isElsewhere(mount))) return null;

  const target =
    isShoutcast && request.pass !== undefined
      ? await shoutcastTarget(request.pass, mount, { credentials, mounts, asker })
      : await basicTarget(shown, mount, credentials, asker);
  const now = clock();
  if ("kind" in target) {
    const isShown = shown !== null || request.pass !== undefined;
    return { bytes: loginRefusal(target, now), ...(isShown && { refusal: target }) };
  }
  if (request.mount === undefined && !isShoutcast) return plain(refusal("unknown-admin-request", now));
  if (target.mount && !mount && (await isElsewhere(target.mount))) return null;
  const session = target.mount ? await mounts.arriving(target.mount) : soleSession(mounts);
  if (!session) return plain(refusal("no-such-source", now));
  if (request.action === "missing-mode") return plain(refusal("missing-parameter", now));
  if (request.action === "unknown-mode") {
    return plain(isShoutcast ? refusal("no-such-action", now) : iceResponse("No such action", false, now));
  }
  if (request.title) session.setTitle(request.title);
  const done = "Metadata update successful";
  return plain(request.dialect === "icecast" ? iceResponse(done, true, now) : adminCgiResponse(done, now));
}

/** The body of a POSTed update, null when it does not come whole; empty for other methods. */
export async function readForm(
  socket: Socket,
  head: RequestHead,
  rest: Uint8Array,
  timeoutMs: number,
): Promise<Buffer | null> {
  if (head.method !== "POST") return Buffer.alloc(0);
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
  return Buffer.concat(parts).subarray(0, size);
}

const plain = (bytes: Uint8Array): AdminReply => ({ bytes });
const clock = (): Millis => millis(Date.now());

/** Which mount an update is for; null for none. */
interface Target {
  readonly mount: MountPath | null;
}

/** Undefined when the request names none, null when the name cannot be a mount. */
function namedMount(request: MetadataRequest): MountPath | null | undefined {
  return request.mount === undefined ? undefined : mountOrNull(request.mount);
}

/** An administrator or operator, else the login of the mount's own source. */
async function basicTarget(
  shown: ShownCredentials | null,
  mount: MountPath | null | undefined,
  credentials: CredentialCheck,
  asker: Asker,
): Promise<Target | LoginRefusal> {
  if (shown === null) return { kind: "wrong-password", reason: "no password was shown" };
  const operates = await credentials.mayOperate(shown, asker);
  if (operates === true) return { mount: mount ?? null };
  const login = await credentials.sourceLogin(mount ?? null, shown, asker);
  return login.kind === "login" ? { mount: mount ?? null } : login;
}

/**
 * Which mount `pass` opens. Without a name it is the station's SHOUTcast mount, or the mount whose own password it is.
 */
async function shoutcastTarget(
  pass: string,
  named: MountPath | null | undefined,
  { credentials, mounts, asker }: Pick<AdminOptions, "credentials" | "mounts"> & { readonly asker: Asker },
): Promise<Target | LoginRefusal> {
  const shown = { ...splitLogin(pass), unsplit: pass };
  if (named) {
    const login = await credentials.shoutcastLogin(named, shown, asker);
    return login.kind === "login" ? { mount: named } : login;
  }
  const usual = await credentials.shoutcastMount(shown, asker);
  const opens = !("kind" in usual);
  if (opens && named === null) return { mount: null };
  if (opens && mounts.isHeld(usual.mount)) return { mount: usual.mount };
  // A source that named its mount in the password line updates its titles without naming it.
  for (const { mount, protocol } of mounts.sessions) {
    if (protocol !== "SHOUTcast") continue;
    const login = await credentials.shoutcastLogin(mount, shown, asker);
    if (login.kind === "login") return { mount };
  }
  return opens ? { mount: usual.mount } : usual;
}

/** With Basic credentials and no mount, SHOUTcast's update can only mean the one SHOUTcast source there is. */
function soleSession(mounts: MountTable) {
  const [only, ...more] = mounts.sessions.filter(({ protocol }) => protocol === "SHOUTcast");
  return more.length === 0 ? only : undefined;
}
