import type { AccountsObject } from "./access/accounts-object.ts";
import type { ArchiveObject } from "./archive/archive-object.ts";
import type { DirectoryObject } from "./directory-object.ts";
import type { HlsObject } from "./hls/hls-object.ts";
import type { MountObject } from "./mount-object.ts";
import type { RelayObject } from "./mount-relay-object.ts";
import type { LedgerObject } from "./roster/ledger-object.ts";
import type { RosterObject } from "./roster/roster-object.ts";

/** Bindings and variables of the edge worker: `wrangler.toml`, and the local stack's copies of them. */
export interface Env {
  readonly SEGMENTS: R2Bucket;
  readonly MOUNT: DurableObjectNamespace<MountObject>;
  readonly RELAY: DurableObjectNamespace<RelayObject>;
  readonly ROSTER: DurableObjectNamespace<RosterObject>;
  readonly LEDGER: DurableObjectNamespace<LedgerObject>;
  readonly DIRECTORY: DurableObjectNamespace<DirectoryObject>;
  readonly HLS: DurableObjectNamespace<HlsObject>;
  readonly ACCOUNTS: DurableObjectNamespace<AccountsObject>;
  readonly ARCHIVE: DurableObjectNamespace<ArchiveObject>;
  /** Shared secret of the station's ingest hosts. Without it no source can go on air. */
  readonly INGEST_TOKEN?: string;
  /** JSON, `shared/edge-station.ts`. */
  readonly STATION?: string;
  /** Anything, where listeners reach the worker without Cloudflare in front, as in the local stack: their headers are their own. */
  readonly REACHED_DIRECTLY?: string;
  /** Anything, where the isolates of a data centre share segments through its cache. */
  readonly SEGMENT_CACHE?: string;
}
