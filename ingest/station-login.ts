import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Role, StationUser } from "../shared/edge-secrets.ts";
import { verifyPassword } from "../shared/password-hash.ts";
import type { Credentials } from "../shared/source/basic-auth.ts";
import { stationLogins } from "./station-limits.ts";

export interface StationLoginOptions {
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly users: readonly StationUser[];
}

const rememberMs = 60_000;
const remembered = 256;

/** Who may read the station's figures on this port: the station's admin, and its users of certain roles. */
export class StationLogin {
  readonly #options: () => StationLoginOptions;
  /** Of logins that were right lately, a keyed hash: a collector that asks every few seconds costs one derivation a minute. */
  readonly #right = new Map<string, number>();
  readonly #key = randomBytes(32);
  #working = 0;

  constructor(options: () => StationLoginOptions) {
    this.#options = options;
  }

  /** "busy": too many passwords are being looked at. */
  async check(shown: Credentials, may: readonly Role[]): Promise<"ok" | "wrong" | "busy"> {
    const { adminUser, adminPassword, users } = this.#options();
    const isAdminUser = equal(shown.user, adminUser);
    if (equal(shown.password, adminPassword) && isAdminUser) return "ok";
    const user = users.find(({ name }) => name === shown.user);
    if (!user || !(user.role === "admin" || may.includes(user.role))) return "wrong";
    const login = createHmac("sha256", this.#key)
      .update([user.name, user.hash, shown.password].join("\0"))
      .digest("hex");
    const now = performance.now();
    const rightMs = this.#right.get(login);
    if (rightMs !== undefined && now - rightMs < rememberMs) return "ok";
    if (this.#working >= stationLogins) return "busy";
    this.#working++;
    try {
      if (!(await verifyPassword(shown.password, user.hash, nodeMd5))) return "wrong";
    } finally {
      this.#working--;
    }
    this.#right.delete(login);
    this.#right.set(login, now);
    const [oldest] = this.#right.keys();
    if (this.#right.size > remembered && oldest !== undefined) this.#right.delete(oldest);
    return "ok";
  }
}

const nodeMd5 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(createHash("md5").update(bytes).digest());

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const equal = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
