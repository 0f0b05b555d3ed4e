import type { Role } from "../../shared/edge-secrets.ts";
import type { AudienceCounters, ListenerSession, StationCounters } from "../../shared/listener-session.ts";
import type { ListenGrant } from "../../shared/signed-url.ts";
import type { MountPath } from "../../shared/units.ts";
import type { MountVisitor, MountWish, Visitor } from "../access/admit.ts";
import type { AuditEntry } from "../access/accounts-object.ts";
import type { Host } from "../mount-feed.ts";

/** What the API has done by others. All of it rejects when whom it asks cannot be asked. */
export interface Desk {
  /** The visitor, or the reply that refuses it. */
  admit(request: Request, may: readonly Role[], host: Host): Promise<Visitor | Response>;
  /** The same of one mount, which its source may enter too. */
  admitToMount(request: Request, wish: MountWish, host: Host): Promise<MountVisitor | Response>;
  /** The reply that keeps another site's page from using a browser's login; null when there is no such danger. */
  guardUnsafe(request: Request, visitor: Visitor, host: Host): Promise<Response | null>;
  csrfToken(visitor: Visitor, host: Host): Promise<string>;
  audit(
    visitor: Visitor,
    action: string,
    details: Readonly<Record<string, string>>,
    host: Host,
  ): Promise<void>;
  /** The newest first. */
  auditLog(host: Host, limit: number): Promise<readonly AuditEntry[]>;

  listeners(mount: MountPath, host: Host): Promise<readonly ListenerSession[]>;
  audience(mount: MountPath, host: Host): Promise<AudienceCounters>;
  stationCounters(host: Host): Promise<StationCounters>;
  /** False when there is no such listener. */
  killListener(mount: MountPath, listener: number, host: Host): Promise<boolean>;
  /** `listener` null: all that the mount has now. */
  moveListeners(from: MountPath, to: MountPath, listener: number | null, host: Host): Promise<void>;
  /** False when there is none. */
  killSource(mount: MountPath, host: Host, by: string): Promise<boolean>;
  setSourceTitle(
    mount: MountPath,
    title: { readonly text: string; readonly url?: string | undefined },
    host: Host,
  ): Promise<boolean>;
  /** null: what the settings say holds again. */
  overrideFallback(mount: MountPath, fallback: MountPath | null, host: Host): Promise<void>;

  listenerUsers(mount: MountPath, host: Host): Promise<readonly { readonly name: string }[]>;
  addListenerUser(
    mount: MountPath,
    name: string,
    password: string,
    host: Host,
  ): Promise<"added" | "exists" | "no-auth">;
  deleteListenerUser(mount: MountPath, name: string, host: Host): Promise<"deleted" | "absent" | "no-auth">;

  /** By its name. */
  deleteBroadcast(mount: MountPath, name: string, host: Host): Promise<"deleted" | "absent" | "on air">;
  /** What is over and in small objects is in large ones when it resolves. */
  mergeArchive(mount: MountPath, host: Host): Promise<void>;

  /** `url` with a signature that lets whoever has it listen, as `grant` says; null when the station has no key for it. */
  signListenUrl(url: string, grant: ListenGrant, host: Host): Promise<string | null>;
}
