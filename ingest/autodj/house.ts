import { createHash } from "node:crypto";
import { autoDjCredentialPrefix } from "../../shared/mount-state.ts";
import type { MountPath } from "../../shared/units.ts";

/** How an AutoDJ is said to have come (`SourceInfo.protocol`). */
export const autoDjProtocol = "AutoDJ";

/** The same on every ingest host that has an AutoDJ for this mount: when one of them dies, another may take its place. */
export const autoDjCredential = (mount: MountPath): string =>
  autoDjCredentialPrefix + createHash("sha256").update(mount).digest("base64url").slice(0, 32);
