import * as http from "node:http";
import * as https from "node:https";
import type { UrlCall } from "../../config/ingest-settings.ts";
import { addressGroup } from "../../shared/address-group.ts";
import type { MountPath } from "../../shared/units.ts";
import { tellAgainMs } from "../limits.ts";
import { authOfAddress, authTimeoutMs, authWaiting } from "../login-limits.ts";
import { type Log, reasonOf } from "../log.ts";

/**
 * URL authentication as Icecast 2.4.4 has it (auth_url.c, and on the wire): a form POSTed to the operator's server, with
 * every byte escaped in lower case that is neither letter nor digit.
 *
 *   action=stream_auth&mount=%2flive%2emp3&ip=127%2e0%2e0%2e1&server=radio%2eexample&port=8000&user=dj&pass=pw[&admin=1]
 *   action=mount_add&mount=…&server=…&port=…        action=mount_remove&mount=…&server=…&port=…
 *
 * The reply header `icecast-auth-user: 1` is a yes, everything else is a no; its status and body say nothing.
 */

/** What these servers are told of this one. */
export interface ServerIdentity {
  readonly hostname: string;
  readonly port: number;
  /** Name and version, the User-Agent. */
  readonly serverId: string;
}

export interface SourceQuestion {
  readonly mount: MountPath;
  readonly ip: string;
  readonly user: string;
  readonly password: string;
  /** Asked for a title update, not for a source. */
  readonly admin: boolean;
}

export interface UrlAuthOptions {
  readonly identity: () => ServerIdentity;
  readonly log: Log;
  readonly timeoutMs?: number;
}

/** Asks and tells authentication servers. Each question waits for its own answer alone. */
export class UrlAuth {
  readonly #options: UrlAuthOptions;
  /** Questions that wait, by URL, and by URL and address. */
  readonly #waiting = new Map<string, number>();
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: UrlAuthOptions) {
    this.#options = options;
  }

  /**
   * Whether the server lets a source in. No, when it gives no answer in time; "busy" when too many questions wait for it,
   * of all or of this address: whoever guesses is not to keep the others from asking.
   */
  async admits(
    call: UrlCall,
    { mount, ip, user, password, admin }: SourceQuestion,
  ): Promise<boolean | "busy"> {
    const ofAddress = `${call.url} ${addressGroup(ip)}`;
    const { log, timeoutMs = authTimeoutMs } = this.#options;
    if (this.#count(call.url) >= authWaiting || this.#count(ofAddress) >= authOfAddress) {
      this.#tellBusy(mount);
      return "busy";
    }
    for (const key of [call.url, ofAddress]) this.#waiting.set(key, this.#count(key) + 1);
    const fields: [string, string][] = [["mount", mount], ["ip", ip], ...this.#server()];
    fields.push(["user", user], ["pass", password]);
    if (admin) fields.push(["admin", "1"]);
    try {
      const { headers } = await this.#post(call, form("stream_auth", fields), AbortSignal.timeout(timeoutMs));
      const message = headers["icecast-auth-message"];
      if (message !== undefined)
        log.info({ mount, message: String(message).slice(0, 256) }, "the authentication server says");
      return isYes(headers["icecast-auth-user"]);
    } catch (error) {
      log.warn({ mount, reason: reasonOf(error) }, "the authentication server did not answer");
      return false;
    } finally {
      for (const key of [call.url, ofAddress]) {
        const left = this.#count(key) - 1;
        if (left > 0) this.#waiting.set(key, left);
        else this.#waiting.delete(key);
      }
    }
  }

  /** Says that a source has come or gone. Rejects unless the server answers with a status of success. */
  async tell(
    call: UrlCall,
    action: "mount_add" | "mount_remove",
    mount: MountPath,
    signal: AbortSignal,
  ): Promise<void> {
    const body = form(action, [["mount", mount], ...this.#server()]);
    const { status } = await this.#post(call, body, signal);
    if (status >= 400) throw new Error(`the server answered ${status}`);
  }

  #count(key: string): number {
    return this.#waiting.get(key) ?? 0;
  }

  /** Whoever asks decides how often this would be told. */
  #tellBusy(mount: MountPath): void {
    const now = performance.now();
    if (now - this.#toldMs < tellAgainMs) return;
    this.#toldMs = now;
    this.#options.log.warn({ mount }, "too many questions wait for the authentication server");
  }

  #server(): [string, string][] {
    const { hostname, port } = this.#options.identity();
    return [
      ["server", hostname],
      ["port", String(port)],
    ];
  }

  /** Resolves with the reply's head. Redirects are not followed. */
  #post(
    { url, username, password }: UrlCall,
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders }> {
    const target = new URL(url);
    const login =
      target.username === "" && target.password === ""
        ? `${username ?? ""}:${password ?? ""}`
        : `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
    const headers = [
      ["Host", target.host],
      ["Authorization", `Basic ${Buffer.from(login).toString("base64")}`],
      ["User-Agent", this.#options.identity().serverId.replace(/[^\x20-\x7e]/g, "?")],
      ["Accept", "*/*"],
      ["Content-Length", String(Buffer.byteLength(body))],
      ["Content-Type", "application/x-www-form-urlencoded"],
      ["Connection", "close"],
    ].flat();
    return new Promise((resolve, reject) => {
      const request = (target.protocol === "https:" ? https : http).request({
        hostname: target.hostname.replace(/^\[|\]$/g, ""),
        port: target.port,
        path: target.pathname + target.search,
        method: "POST",
        headers,
        // Of its own: what meets a kept connection as it closes would have to be asked again.
        agent: false,
        signal,
      });
      request.on("error", (error) =>
        reject(signal.aborted ? new Error("no answer in time", { cause: error }) : error),
      );
      request.on("upgrade", (_, socket) => {
        socket.destroy();
        reject(new Error("the answer is in another protocol"));
      });
      request.on("response", (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers });
        // Nobody reads the body, however long it is.
        response.on("error", () => undefined);
        request.destroy();
      });
      request.end(body);
    });
  }
}

const isYes = (value: string | string[] | undefined): boolean => String(value ?? "").trim() === "1";

const form = (action: string, fields: readonly (readonly [string, string])[]): string =>
  `action=${action}${fields.map(([name, value]) => `&${name}=${escapeField(value)}`).join("")}`;

function escapeField(text: string): string {
  let escaped = "";
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return escaped;
}
