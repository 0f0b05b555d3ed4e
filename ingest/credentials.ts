import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { DjAccount, IngestMount, IngestSettings } from "../config/ingest-settings.ts";
import { mountPath } from "../shared/mount-path.ts";
import { isPattern } from "../shared/mount-pattern.ts";
import { type MountPath, millis } from "../shared/units.ts";
import { nextSlotMs } from "./access/dj-slots.ts";
import { DjTenure } from "./access/dj-tenure.ts";
import { rulesOfMount } from "./access/mount-rules.ts";
import type { PasswordCheck } from "./access/password-check.ts";
import type { UrlAuth } from "./access/url-call.ts";

/** What a client showed: without a user where the protocol has none (SHOUTcast). */
export interface ShownCredentials {
  readonly user?: string;
  readonly password: string;
}

/** A SHOUTcast password line, or the `pass` of its metadata updates. */
export interface ShoutcastLogin extends ShownCredentials {
  /** The line before `user` was taken off it. */
  readonly unsplit: string;
}

/** Who shows credentials, and what for. */
export interface Asker {
  readonly ip: string;
  /** A title update, not a source. */
  readonly admin: boolean;
}

/** A login that opens a mount. */
export interface SourceLogin {
  readonly kind: "login";
  readonly user: string | null;
  /**
   * Names the login, whatever the protocol: equal on every ingest host of the station where the same user and password
   * open the mount, and of no use to whoever sees it without the ingest token.
   */
  readonly credential: string;
  /** Of somebody whose time may end; null for those who may stay. */
  readonly tenure: DjTenure | null;
}

/** "busy" passes by itself. "off-slot": the password is right, the time is not. `reason` is for the log. */
export interface LoginRefusal {
  readonly kind: "wrong-password" | "off-slot" | "busy";
  readonly reason: string;
}

const defaultUser = "source";
/** 192 bits. */
const credentialLength = 32;

const wrong: LoginRefusal = { kind: "wrong-password", reason: "wrong user or password" };
const busy: LoginRefusal = { kind: "busy", reason: "too many logins are being looked at" };

type Secrets = Pick<
  IngestSettings,
  | "sourcePassword"
  | "adminUser"
  | "adminPassword"
  | "edgeSecrets"
  | "mounts"
  | "shoutcastMount"
  | "ingestToken"
>;

export interface CredentialCheckOptions {
  readonly settings: { readonly now: Secrets };
  readonly passwords: PasswordCheck;
  readonly urlAuth: UrlAuth;
}

/** Who may do what. Comparisons with the station's own passwords take the same time, whatever was shown. */
export class CredentialCheck {
  readonly #options: CredentialCheckOptions;

  constructor(options: CredentialCheckOptions) {
    this.#options = options;
  }

  get #secrets(): Secrets {
    return this.#options.settings.now;
  }

  /** Whether somebody may set titles of every mount: the station's administrator, and users who are one or an operator. */
  async mayOperate(shown: ShownCredentials, { ip }: Asker): Promise<boolean | "busy"> {
    const { adminUser, adminPassword, edgeSecrets } = this.#secrets;
    if (matches(shown, adminUser, adminPassword)) return true;
    const user = edgeSecrets.users.find(({ name }) => name === shown.user);
    if (user?.role !== "admin" && user?.role !== "operator") return false;
    return this.#options.passwords.matches(shown.password, user.hash, ip);
  }

  /**
   * A mount's own user name and password stand in for the station's, as in Icecast; where an authentication server is
   * asked, for both. `mount` is null for a name that cannot be a mount.
   */
  async sourceLogin(
    mount: MountPath | null,
    shown: ShownCredentials,
    asker: Asker,
  ): Promise<SourceLogin | LoginRefusal> {
    const rules = mount === null ? {} : rulesOfMount(this.#secrets.mounts, mount);
    if (mount !== null && rules.streamAuth) return this.#askServer(mount, rules.streamAuth, shown, asker);
    const { user, password } = this.#ownLogin(rules);
    if (matches(shown, user, password)) return this.#login(mount, user, { user, password });
    const dj = rules.djs?.find(({ name }) => name === shown.user);
    return mount !== null && dj ? this.#djLogin(mount, dj, shown, asker) : wrong;
  }

  /**
   * SHOUTcast sources have no user; `user:password` is a DJ account or a password with a colon in it. A password alone
   * is compared even where a server is asked for accounts, as in Icecast.
   */
  async shoutcastLogin(
    mount: MountPath,
    login: ShoutcastLogin,
    asker: Asker,
  ): Promise<SourceLogin | LoginRefusal> {
    const found = this.#shoutcastPassword(mount, login);
    if (found) return found;
    return login.user === undefined ? wrong : this.sourceLogin(mount, login, asker);
  }

  /**
   * The mount of a SHOUTcast login that names none: the station's SHOUTcast mount, else the mount whose own password or
   * DJ it is, so that several can share the port. Throws MountPathError when the settings name something that cannot be
   * a mount.
   */
  async shoutcastMount(
    login: ShoutcastLogin,
    asker: Asker,
  ): Promise<{ readonly mount: MountPath; readonly login: SourceLogin } | LoginRefusal> {
    const usual = mountPath(this.#secrets.shoutcastMount);
    const others = [...this.#secrets.mounts]
      .filter(
        ([name, { password, djs }]) => !isPattern(name) && (password !== undefined || djs !== undefined),
      )
      .map(([name]) => mountPath(name))
      .filter((mount) => mount !== usual);
    const asks = (mount: MountPath) => rulesOfMount(this.#secrets.mounts, mount).streamAuth !== undefined;
    for (const mount of [usual, ...others]) {
      const found = this.#shoutcastPassword(mount, login);
      if (found) return { mount, login: found };
    }
    if (login.user === undefined) return wrong;
    // Servers that are slow or dead keep nobody from a mount that needs none, and one login asks one server once.
    const here = others.filter((mount) => !asks(mount));
    let refusal: LoginRefusal | null = null;
    for (const mount of asks(usual) ? [...here, usual] : [usual, ...here]) {
      const found = await this.sourceLogin(mount, login, asker);
      if (found.kind === "login") return { mount, login: found };
      // What says most of why.
      if (refusal === null || refusal.kind === "wrong-password") refusal = found;
    }
    return refusal ?? wrong;
  }

  #shoutcastPassword(mount: MountPath, { unsplit }: ShoutcastLogin): SourceLogin | null {
    const own = this.#ownLogin(rulesOfMount(this.#secrets.mounts, mount));
    return equalSecrets(unsplit, own.password) ? this.#login(mount, null, own) : null;
  }

  #ownLogin({ username, password }: IngestMount): { readonly user: string; readonly password: string } {
    return { user: username ?? defaultUser, password: password ?? this.#secrets.sourcePassword };
  }

  async #askServer(
    mount: MountPath,
    call: NonNullable<IngestMount["streamAuth"]>,
    shown: ShownCredentials,
    { ip, admin }: Asker,
  ): Promise<SourceLogin | LoginRefusal> {
    const user = shown.user ?? defaultUser;
    const { password } = shown;
    const admitted = await this.#options.urlAuth.admits(call, { mount, ip, user, password, admin });
    if (admitted === "busy") return busy;
    if (admitted) return this.#login(mount, user, { user, password });
    return { kind: "wrong-password", reason: "the authentication server did not let it in" };
  }

  async #djLogin(
    mount: MountPath,
    dj: DjAccount,
    { password }: ShownCredentials,
    { ip }: Asker,
  ): Promise<SourceLogin | LoginRefusal> {
    const isRight = await this.#options.passwords.matches(password, dj.hash, ip);
    if (isRight !== true) return isRight === "busy" ? busy : wrong;
    const slots = () =>
      rulesOfMount(this.#secrets.mounts, mount).djs?.find(({ name }) => name === dj.name)?.slots ?? null;
    const tenure = new DjTenure(slots);
    if (tenure.isOver) return { kind: "off-slot", reason: offSlot(dj) };
    return { ...this.#login(mount, dj.name, { user: dj.name, password }), tenure };
  }

  #login(
    mount: MountPath | null,
    user: string | null,
    named: { readonly user: string; readonly password: string },
  ): SourceLogin {
    const login = [mount ?? "", named.user, named.password].join("\0");
    const name = createHmac("sha256", this.#secrets.ingestToken).update(login).digest("base64url");
    return { kind: "login", user, credential: name.slice(0, credentialLength), tenure: null };
  }
}

function offSlot({ name, slots }: DjAccount): string {
  const next = nextSlotMs(slots, millis(Date.now()));
  const words = next === null ? "it has none" : `the next one begins at ${new Date(next).toISOString()}`;
  return `${name} is outside of their slot, ${words}`;
}

function matches(shown: ShownCredentials, user: string, password: string): boolean {
  const userMatches = equalSecrets(shown.user ?? "", user);
  return equalSecrets(shown.password, password) && userMatches;
}

/** Digests are of one length, so that neither content nor length shows in the time it takes. */
function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
