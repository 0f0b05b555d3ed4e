import type { TrackFile } from "../track.ts";
import type { OsPath } from "./os-path.ts";

/** A track of a place, before it is one of the AutoDJ's. */
export type Found = FoundFile | FoundObject;

export interface FoundFile {
  readonly kind: "file";
  readonly id: string;
  readonly version: string;
  readonly name: string;
  readonly listedTitle?: string;
  readonly path: OsPath;
}

export interface FoundObject {
  readonly kind: "object";
  readonly id: string;
  readonly version: string;
  readonly name: string;
  readonly listedTitle?: string;
  readonly key: string;
  readonly size: number;
}

/** Whether a track stays what it was. */
export const isSame = (found: Found, track: TrackFile): boolean =>
  found.version === track.version && found.name === track.name && found.listedTitle === track.listedTitle;

/** What stands in a version: another size or time is another content. */
export const fileVersion = ({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): string =>
  `${size}-${mtimeMs}`;

export const isMp3Name = (name: string): boolean => /\.mp3$/i.test(name);
export const isHidden = (name: string): boolean => name.startsWith(".");
