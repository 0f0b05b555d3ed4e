import { DurableObject } from "cloudflare:workers";
import { decodeBase64Url, encodeBase64Url } from "../../shared/base64.ts";
import type { Role } from "../../shared/edge-secrets.ts";
import type { MountPath } from "../../shared/units.ts";
import { directoryName } from "../directory.ts";
import type { Env } from "../env.ts";
import { AccountThrottle, type LoginTry } from "./account-throttle.ts";
import { auditEntries, knownLogins, maxFallbackOverrides, maxListenerUserChanges } from "./limits.ts";

/** What an administrator did. Without secrets: `audit.ts` sees to that. */
export interface AuditRecord {
  readonly user: string;
  readonly role: Role;
  /** As `clientAddress` has it; null where nobody could say. */
  readonly address: string | null;
  /** "killsource", "listener user added". */
  readonly action: string;
  readonly details: Readonly<Record<string, string>>;
}
export interface AuditEntry extends AuditRecord {
  /** Rises by one with each entry, for ever. */
  readonly sequence: number;
  /** ms since the Unix epoch. */
  readonly atMs: number;
}

/** A listener user as an administrator changed it, on top of the users of the station's settings. */
export interface ListenerUserChange {
  /** The mount or pattern that the settings know the users by. */
  readonly scope: string;
  readonly name: string;
  readonly kind: "added" | "deleted";
  /** Of one that was deleted: the hash that the settings had. One that has another there is another user. */
  readonly hash: string;
}

/** What administrators have changed of the settings' users. */
export interface AccountChanges {
  /** Another one after each change. */
  readonly version: number;
  readonly listenerUsers: readonly ListenerUserChange[];
}

/**
 * What the station's administrators have done, and who tries to be one: the audit log, changes on top of the settings, and the
 * throttle of logins, which is kept in memory only.
 */
export class AccountsObject extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #throttle = new AccountThrottle();
  readonly #secret: string;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    for (const table of tables) this.#sql.exec(table);
    const stored = ctx.storage.kv.get<string>(secretKey);
    this.#secret = stored ?? encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)));
    if (stored === undefined) ctx.storage.kv.put(secretKey, this.#secret);
  }

  /** Key of what the edge signs for itself, base64url of 32 bytes. */
  secret(): string {
    return this.#secret;
  }

  /** Whether a password may be tried now: `waitMs` 0, and it is counted as wrong until `loginWasRight`. */
  async tryLogin({ account, address }: Omit<LoginTry, "known">): Promise<{ waitMs: number; known: boolean }> {
    const known = address !== null && (await this.#hasLoggedIn(account, address));
    return { waitMs: this.#throttle.enter({ account, address, known }, Date.now()), known };
  }

  async loginWasRight(tried: LoginTry): Promise<void> {
    this.#throttle.right(tried, Date.now());
    if (tried.address === null) return;
    // An address is known again, never shown: a keyed digest is enough.
    const login = await this.#digest(tried.account, tried.address);
    this.#sql.exec("INSERT OR REPLACE INTO login (login, at_ms) VALUES (?, ?)", login, Date.now());
    const beyond = "SELECT login FROM login ORDER BY at_ms DESC LIMIT -1 OFFSET ?";
    this.#sql.exec(`DELETE FROM login WHERE login IN (${beyond})`, knownLogins);
  }

  /** Null when nothing has changed since `version`. */
  changes(version: number | null): AccountChanges | null {
    const current = this.#version();
    if (version === current) return null;
    const rows = this.#sql.exec<Row<ListenerUserChange>>("SELECT scope, name, kind, hash FROM listener_user");
    return { version: current, listenerUsers: rows.toArray() as ListenerUserChange[] };
  }

  /** False when there are as many changes as are kept. */
  changeListenerUser({ scope, name, kind, hash }: ListenerUserChange): boolean {
    const replaced = this.#count("listener_user WHERE scope = ? AND name = ?", scope, name) > 0;
    if (!replaced && this.#count("listener_user") >= maxListenerUserChanges) return false;
    const values = "(scope, name, kind, hash) VALUES (?, ?, ?, ?)";
    this.#sql.exec(`INSERT OR REPLACE INTO listener_user ${values}`, scope, name, kind, hash);
    this.#changed();
    return true;
  }

  /** The settings' word holds again. */
  forgetListenerUser(scope: string, name: string): void {
    this.#sql.exec("DELETE FROM listener_user WHERE scope = ? AND name = ?", scope, name);
    this.#changed();
  }

  /**
   * `fallback` null: what the settings say holds again. Resolves when the directory, which tells it to all, knows; false when there
   * are as many as are kept.
   */
  async overrideFallback(mount: MountPath, fallback: MountPath | null): Promise<boolean> {
    if (fallback === null) {
      this.#sql.exec("DELETE FROM fallback WHERE mount = ?", mount);
    } else {
      const replaced = this.#count("fallback WHERE mount = ?", mount) > 0;
      if (!replaced && this.#count("fallback") >= maxFallbackOverrides) return false;
      this.#sql.exec("INSERT OR REPLACE INTO fallback (mount, fallback) VALUES (?, ?)", mount, fallback);
    }
    const rows = this.#sql
      .exec<{ mount: string; fallback: string }>("SELECT mount, fallback FROM fallback")
      .toArray();
    const all = Object.fromEntries(rows.map((row) => [row.mount, row.fallback as MountPath]));
    await this.env.DIRECTORY.getByName(directoryName).keepFallbacks(all);
    return true;
  }

  /** Resolves when it is stored. */
  note({ user, role, address, action, details }: AuditRecord): void {
    this.#sql.exec(
      "INSERT INTO audit (at_ms, user, role, address, action, details) VALUES (?, ?, ?, ?, ?, ?)",
      Date.now(),
      user,
      role,
      address,
      action,
      JSON.stringify(details),
    );
    this.#sql.exec("DELETE FROM audit WHERE sequence <= (SELECT MAX(sequence) FROM audit) - ?", auditEntries);
  }

  /** The newest first. */
  auditLog(limit: number): AuditEntry[] {
    const columns = "sequence, at_ms AS atMs, user, role, address, action, details";
    const most = Math.min(Math.max(0, Math.floor(limit)), auditEntries);
    return this.#sql
      .exec<AuditRow>(`SELECT ${columns} FROM audit ORDER BY sequence DESC LIMIT ?`, most)
      .toArray()
      .map((row) => ({
        ...row,
        role: row.role as Role,
        details: JSON.parse(row.details) as Record<string, string>,
      }));
  }

  #version(): number {
    return this.ctx.storage.kv.get<number>(versionKey) ?? 0;
  }

  #changed(): void {
    this.ctx.storage.kv.put(versionKey, this.#version() + 1);
  }

  #count(from: string, ...bindings: string[]): number {
    return this.#sql.exec<{ found: number }>(`SELECT COUNT(*) AS found FROM ${from}`, ...bindings).one()
      .found;
  }

  async #hasLoggedIn(account: string, address: string): Promise<boolean> {
    return this.#count("login WHERE login = ?", await this.#digest(account, address)) > 0;
  }

  async #digest(account: string, address: string): Promise<string> {
    const secret = decodeBase64Url(this.#secret);
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
    const login = new TextEncoder().encode(JSON.stringify(["login", account, address]));
    return encodeBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, login)));
  }
}

const secretKey = "secret";
const versionKey = "version";

const tables = [
  "CREATE TABLE IF NOT EXISTS login (login TEXT PRIMARY KEY, at_ms INTEGER NOT NULL)",
  `CREATE TABLE IF NOT EXISTS listener_user (
    scope TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (scope, name)
  )`,
  "CREATE TABLE IF NOT EXISTS fallback (mount TEXT PRIMARY KEY, fallback TEXT NOT NULL)",
  `CREATE TABLE IF NOT EXISTS audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    address TEXT, action TEXT NOT NULL, details TEXT NOT NULL
  )`,
];

/** As SQL returns it. */
type Row<T> = { [Key in keyof T]: string };
type AuditRow = {
  sequence: number;
  atMs: number;
  user: string;
  role: string;
  address: string | null;
  action: string;
  details: string;
};
