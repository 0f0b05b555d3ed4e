import { app } from "./app.ts";

export { AccountsObject } from "./access/accounts-object.ts";
export { ArchiveObject } from "./archive/archive-object.ts";
export { DirectoryObject } from "./directory-object.ts";
export { HlsObject } from "./hls/hls-object.ts";
export { MountObject } from "./mount-object.ts";
export { RelayObject } from "./mount-relay-object.ts";
export { LedgerObject } from "./roster/ledger-object.ts";
export { RosterObject } from "./roster/roster-object.ts";

export default { fetch: app.fetch };
