import { signListenUrl } from "../../shared/signed-url.ts";
import { admit, admitToMount } from "../access/admit.ts";
import { audit, auditLog } from "../access/audit.ts";
import { csrfToken, guardUnsafe } from "../access/csrf.ts";
import { overrideFallback } from "../access/fallback-overrides.ts";
import { addListenerUser, deleteListenerUser, listenerUsers } from "../access/listener-users.ts";
import { secretsOf } from "../directory.ts";
import {
  audience,
  killListener,
  killSource,
  listeners,
  moveListeners,
  setSourceTitle,
  stationCounters,
} from "../roster/roster.ts";
import type { Desk } from "./desk.ts";

/** The station itself. */
export const stationDesk: Desk = {
  admit,
  admitToMount,
  guardUnsafe,
  csrfToken,
  audit,
  auditLog,
  listeners,
  audience,
  stationCounters,
  killListener,
  moveListeners,
  killSource,
  setSourceTitle,
  overrideFallback,
  listenerUsers,
  addListenerUser,
  deleteListenerUser,
  deleteBroadcast: (mount, name, { env }) => env.ARCHIVE.getByName(mount).deleteBroadcast(mount, name),
  mergeArchive: (mount, { env }) => env.ARCHIVE.getByName(mount).compact(mount),
  async signListenUrl(url, grant, host) {
    const [key] = (await secretsOf(host)).signingKeys;
    return key === undefined ? null : signListenUrl(url, grant, key);
  },
};
