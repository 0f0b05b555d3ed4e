import type { Role } from "../../shared/edge-secrets.ts";

/**
 * Who may use what this worker serves, in one place to read and to test against: every route has a row, and every row is tried with
 * every kind of login.
 */
export type Access =
  /** No login is looked at. */
  | { readonly kind: "anybody" }
  /** An ingest host, with the station's token. */
  | { readonly kind: "ingest" }
  /** Whom the mount's own rules let listen: a mount without any lets in everybody. */
  | { readonly kind: "listener" }
  /** Users of the station with one of these roles, as `mayDo` has it. `source`: and the source that has the mount that is asked for. */
  | { readonly kind: "users"; readonly may: readonly Role[]; readonly source?: boolean }
  /** What follows in the path says it: `adminCommandAccess`. */
  | { readonly kind: "command" }
  /** The `mode` says it: `adminCgiAccess`. */
  | { readonly kind: "mode" };

const anybody: Access = { kind: "anybody" };
const ingest: Access = { kind: "ingest" };
const viewers: Access = { kind: "users", may: ["viewer"] };
const operators: Access = { kind: "users", may: ["operator"] };
const admins: Access = { kind: "users", may: ["admin"] };
/** Icecast lets the source of a mount do with it what an administrator may. */
const viewersOrSource: Access = { ...viewers, source: true };
const operatorsOrSource: Access = { ...operators, source: true };

/** By method and path, as the router has them. */
export const routeAccess: Readonly<Record<string, Access>> = {
  "ALL /api/ingest/v1/*": ingest,
  "POST /api/ingest/v1/claim": ingest,
  "POST /api/ingest/v1/announce": ingest,
  "POST /api/ingest/v1/renew": ingest,
  "POST /api/ingest/v1/release": ingest,
  "POST /api/ingest/v1/station": ingest,
  "POST /api/ingest/v1/statistics": ingest,
  "POST /api/ingest/v1/records": ingest,

  "ALL /admin/*": { kind: "command" },
  "ALL /admin/autodj/*": operators,
  "GET /admin/admin.css": anybody,
  "GET /admin/admin.js": anybody,
  "GET /admin/admin-words.js": anybody,
  "GET /admin/admin-card.js": anybody,
  "GET /admin/admin-orders.js": anybody,
  "GET /admin/admin-parts.js": anybody,
  "GET /admin/console.json": viewers,
  "GET /admin/console-mount.json": viewers,
  "GET /admin/console-log.json": admins,
  "GET /admin/autodj/now": operators,
  "GET /admin/autodj/next": operators,
  "ALL /admin.cgi": { kind: "mode" },

  "GET /": anybody,
  "GET /status.xsl": anybody,
  "GET /page.css": anybody,
  "GET /page.js": anybody,
  "GET /page-parts.js": anybody,
  "GET /page-player.js": anybody,
  "GET /status2.xsl": anybody,
  "GET /server_version.xsl": anybody,
  "GET /auth.xsl": anybody,
  "GET /7.html": anybody,
  "GET /stats": anybody,
  "GET /statistics": anybody,
  "GET /currentsong": anybody,
  "GET /status-json.xsl": anybody,
  "GET /health": anybody,
  "GET /metrics": viewers,

  "ALL /api/v1/*": anybody,
  "GET /api/v1/openapi.json": anybody,
  "GET /api/v1/docs": anybody,
  "GET /api/v1/station": anybody,
  "GET /api/v1/warnings": anybody,
  "GET /api/v1/events": anybody,
  "GET /api/v1/mounts": anybody,
  "GET /api/v1/mounts/:mount": anybody,
  "GET /api/v1/mounts/:mount/now-playing": anybody,
  "GET /api/v1/mounts/:mount/history": anybody,
  "GET /api/v1/mounts/:mount/listeners": viewers,
  "GET /api/v1/mounts/:mount/audience": viewers,
  "GET /api/v1/mounts/:mount/accounts": operators,
  "POST /api/v1/mounts/:mount/accounts": operators,
  "DELETE /api/v1/mounts/:mount/accounts/:name": operators,
  "DELETE /api/v1/mounts/:mount/listeners/:listener": operators,
  "POST /api/v1/mounts/:mount/move-listeners": operators,
  "POST /api/v1/mounts/:mount/title": operatorsOrSource,
  "POST /api/v1/mounts/:mount/fallback": operators,
  "DELETE /api/v1/mounts/:mount/source": operators,
  "POST /api/v1/listen-urls": operators,
  "POST /api/v1/mounts/:mount/broadcasts/:broadcast/delete": admins,
  "POST /api/v1/mounts/:mount/merge-archive": admins,
  "GET /api/v1/session": viewers,
  "GET /api/v1/counters": viewers,
  "GET /api/v1/users": admins,
  "GET /api/v1/audit": admins,

  "GET /archive": anybody,
  "GET /archive/": anybody,
  "GET /archive.json": anybody,
  "GET /archive.css": anybody,
  "GET /archive/*": { kind: "listener" },
  "GET /history/*": anybody,

  "GET /*": { kind: "listener" },
  "HEAD /*": { kind: "listener" },
  "ALL /*": anybody,
};

/** By what follows `/admin/`; all but those with a dot and `buildm3u` with `.xsl` as well. */
export const adminCommandAccess: Readonly<Record<string, Access>> = {
  /** The console. */
  "": viewers,
  stats: viewersOrSource,
  "stats.xml": viewersOrSource,
  listmounts: viewersOrSource,
  streamlist: viewersOrSource,
  "streamlist.txt": { kind: "users", may: ["relay"], source: true },
  listclients: viewersOrSource,
  metadata: operatorsOrSource,
  updatemetadata: operatorsOrSource,
  killclient: operatorsOrSource,
  killsource: operatorsOrSource,
  moveclients: operatorsOrSource,
  fallbacks: operatorsOrSource,
  manageauth: operatorsOrSource,
  buildm3u: anybody,
};

/** By `mode`. */
export const adminCgiAccess: Readonly<Record<string, Access>> = {
  viewxml: viewers,
  viewjson: viewers,
  updinfo: operatorsOrSource,
};
