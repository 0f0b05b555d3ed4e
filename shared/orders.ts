import type { MountPath } from "./units.ts";

/**
 * What an administrator orders of listeners of one mount, wherever they are. The mount hands them out with its views, so
 * that they take effect within one segment.
 */
export type ListenerOrder =
  | { readonly sequence: number; readonly kind: "kill"; readonly listener: number }
  /** One listener, or all that the mount has now. */
  | {
      readonly sequence: number;
      readonly kind: "move";
      readonly listener: number | null;
      readonly to: MountPath;
    };

/** What an administrator orders of a source, told to its ingest host in the reply to its next call. */
export interface SourceOrder {
  readonly sequence: number;
  readonly kind: "title";
  readonly title: { readonly text: string; readonly url?: string | undefined };
}
