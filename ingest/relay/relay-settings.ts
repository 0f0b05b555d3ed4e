import type { MountPath } from "../../shared/units.ts";

/** How a relayed source is said to have come (`SourceInfo.protocol`). */
export const relayProtocol = "relay";

/** One stream to be relayed, from the station file or a master's list. */
export interface Relay {
  readonly url: string;
  readonly mount: MountPath;
  readonly username?: string;
  readonly password?: string;
  readonly titles: boolean;
  readonly onDemand: boolean;
}
