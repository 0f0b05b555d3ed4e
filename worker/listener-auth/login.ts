import type { Host } from "../mount-feed.ts";

/** A listener that was let in. */
export interface Login {
  /** Who it is; null where nobody asked. */
  readonly user: string | null;
  /** Number of its session, where somebody was told of one. */
  readonly client?: number | undefined;
  /** Its stay ends after so long; undefined: as the mount's rules say. */
  readonly maxMs?: number | undefined;
  /** It has gone, or got no stream; the first call counts. */
  end(host: Host): void;
}

/** Where nobody is asked. */
export const anybody: Login = { user: null, end: () => undefined };
