import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IngestSettings } from "../config/ingest-settings.ts";
import { mountPath } from "../shared/mount-path.ts";
import type { MountPath } from "../shared/units.ts";

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

const defaultUser = "source";
/** 192 bits. */
const credentialLength = 32;

type Secrets = Pick<
  IngestSettings,
  "sourcePassword" | "adminUser" | "adminPassword" | "mounts" | "shoutcastMount" | "ingestToken"
>;

/** Who may do what. Every comparison takes the same time, whatever was shown. */
export class CredentialCheck {
  readonly #settings: { readonly now: Secrets };

  constructor(settings: { readonly now: Secrets }) {
    this.#settings = settings;
  }

  get #secrets(): Secrets {
    return this.#settings.now;
  }

  isAdmin(shown: ShownCredentials): boolean {
    return matches(shown, this.#secrets.adminUser, this.#secrets.adminPassword);
  }

  /** A mount's own user name and password stand in for the station's, as in Icecast. Null: a name that cannot be a mount. */
  isSource(mount: MountPath | null, shown: ShownCredentials): boolean {
    const own = mount === null ? undefined : this.#secrets.mounts.get(mount);
    return matches(shown, own?.username ?? defaultUser, own?.password ?? this.#secrets.sourcePassword);
  }

  /** SHOUTcast sources have no user; `user:password` is a DJ account or a password with a colon in it. */
  isShoutcastSource(mount: MountPath, login: ShoutcastLogin): boolean {
    const own = this.#secrets.mounts.get(mount);
    const password = own?.password ?? this.#secrets.sourcePassword;
    const whole = equalSecrets(login.unsplit, password);
    const account = login.user !== undefined && this.isSource(mount, login);
    return whole || account;
  }

  /**
   * Names the login that opens a mount, whatever the protocol: equal on every ingest host of the station that has the
   * same user and password for it, and of no use to whoever sees it without the ingest token.
   */
  sourceCredential(mount: MountPath): string {
    const own = this.#secrets.mounts.get(mount);
    const login = [mount, own?.username ?? defaultUser, own?.password ?? this.#secrets.sourcePassword];
    const name = createHmac("sha256", this.#secrets.ingestToken).update(login.join("\0")).digest("base64url");
    return name.slice(0, credentialLength);
  }

  /**
   * The mount of a SHOUTcast login that names none: the station's SHOUTcast mount, else the mount whose own password
   * it is, so that several can share the port. Null when the password opens nothing. Throws MountPathError when the
   * settings name something that cannot be a mount.
   */
  shoutcastMount(login: ShoutcastLogin): MountPath | null {
    const usual = mountPath(this.#secrets.shoutcastMount);
    if (this.isShoutcastSource(usual, login)) return usual;
    const opened = [...this.#secrets.mounts]
      .filter(([, { password }]) => password !== undefined)
      .map(([path]) => mountPath(path))
      .filter((mount) => this.isShoutcastSource(mount, login));
    return opened[0] ?? null;
  }
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
