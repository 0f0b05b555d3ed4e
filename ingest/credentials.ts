import { createHash, timingSafeEqual } from "node:crypto";
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

type Secrets = Pick<
  IngestSettings,
  "sourcePassword" | "adminUser" | "adminPassword" | "mounts" | "shoutcastMount"
>;

/** Who may do what. Every comparison takes the same time, whatever was shown. */
export class CredentialCheck {
  readonly #secrets: Secrets;
  readonly #shoutcastMount: MountPath;
  /** Mounts with a password of their own. */
  readonly #ownPasswords: readonly MountPath[];

  /** Throws MountPathError when the settings name something that cannot be a mount. */
  constructor(secrets: Secrets) {
    this.#secrets = secrets;
    this.#shoutcastMount = mountPath(secrets.shoutcastMount);
    this.#ownPasswords = [...secrets.mounts]
      .filter(([, { password }]) => password !== undefined)
      .map(([path]) => mountPath(path));
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
   * The mount of a SHOUTcast login that names none: the station's SHOUTcast mount, else the mount whose own password
   * it is, so that several can share the port. Null when the password opens nothing.
   */
  shoutcastMount(login: ShoutcastLogin): MountPath | null {
    if (this.isShoutcastSource(this.#shoutcastMount, login)) return this.#shoutcastMount;
    const opened = this.#ownPasswords.filter((mount) => this.isShoutcastSource(mount, login));
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
