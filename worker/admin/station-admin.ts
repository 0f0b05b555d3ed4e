import type { Role } from "../../shared/edge-secrets.ts";
import type { ListenerSession } from "../../shared/listener-session.ts";
import type { MountPath } from "../../shared/units.ts";
import type { MountVisitor, MountWish, Visitor } from "../access/admit.ts";
import type { ListedMount } from "./answers.ts";
import type { IcecastStatistics } from "./statistics-fields.ts";

/** What the commands need of the station. Calls reject when what they need cannot be asked. */
export interface StationAdmin {
  /** The visitor, or the reply that refuses it. */
  readonly admit: (request: Request, may: readonly Role[]) => Promise<Visitor | Response>;
  /** The same of one mount, which its source may enter too. */
  readonly admitToMount: (request: Request, wish: MountWish) => Promise<MountVisitor | Response>;
  /** The reply that keeps a browser from being led into a command; null when it may be carried out. */
  readonly guardUnsafe: (request: Request, visitor: Visitor) => Promise<Response | null>;
  /** For the forms of pages. */
  readonly csrfToken: (visitor: Visitor) => Promise<string>;
  readonly audit: (
    visitor: Visitor,
    action: string,
    details: Readonly<Record<string, string>>,
  ) => Promise<void>;
  readonly now: () => number;

  readonly statistics: () => Promise<IcecastStatistics>;
  /** Of the station, for people. */
  readonly name: () => Promise<string>;
  /** Those on air, in order; hidden ones too. */
  readonly mounts: () => Promise<readonly ListedMount[]>;
  readonly isHidden: (mount: MountPath) => Promise<boolean>;
  /** What listeners of the mount log in with: "htpasswd", "url", undefined for nothing. */
  readonly authenticatorOf: (mount: MountPath) => Promise<string | undefined>;
  /** The mount that plays for whoever asks for this one: itself, or a fallback that is on air; null for nothing. */
  readonly playingFor: (mount: MountPath) => Promise<MountPath | null>;
  /** Scheme and authority that listeners use: "http://radio.example:8000". */
  readonly origin: () => Promise<string>;

  readonly listeners: (mount: MountPath) => Promise<readonly ListenerSession[]>;
  /** False when there is no such listener. */
  readonly killListener: (mount: MountPath, id: number) => Promise<boolean>;
  /** One listener, or with null all of them. */
  readonly moveListeners: (from: MountPath, to: MountPath, listener: number | null) => Promise<void>;
  /** False when there is none. */
  /** `by`: the name of who does it, for the log of its ingest host. */
  readonly killSource: (mount: MountPath, by: string) => Promise<boolean>;
  readonly setTitle: (
    mount: MountPath,
    title: { readonly text: string; readonly url?: string },
  ) => Promise<boolean>;
  /** Null takes back what was set before, for a mount to have the fallback of its settings. */
  readonly setFallback: (mount: MountPath, fallback: MountPath | null) => Promise<void>;

  /** Whether the accounts of the mount's listeners are its alone: those of a pattern are of all its mounts. */
  readonly hasOwnAccounts: (mount: MountPath) => Promise<boolean>;
  readonly listenerUsers: (mount: MountPath) => Promise<readonly { readonly name: string }[]>;
  readonly addListenerUser: (
    mount: MountPath,
    name: string,
    password: string,
  ) => Promise<"added" | "exists" | "no-auth">;
  readonly deleteListenerUser: (mount: MountPath, name: string) => Promise<"deleted" | "absent" | "no-auth">;
}
