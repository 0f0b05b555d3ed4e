import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { Draft } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";
import { textOf } from "./draft.ts";

/** What the parts of the reader share. */
export interface XmlContext {
  readonly draft: Draft;
  /** An absolute path as Icecast resolves it. */
  readonly resolve: (path: string) => string;
  /** Where files of listeners, intros and fallbacks lie, whether or not they are served; absolute. */
  readonly webroot?: string;
  /** Pulled only while somebody listens, unless a relay says otherwise. */
  relaysOnDemand: boolean;
}

/**
 * Paths in an icecast.xml start where Icecast was started; in a chroot all of them are below its base folder.
 * `startedIn` is absolute.
 */
export function pathResolver(root: XmlElement, startedIn: string): XmlContext["resolve"] {
  const chroot = lastOf(root, "security", "chroot");
  const base = lastOf(root, "paths", "basedir");
  const isChroot = chroot !== undefined && /^(?!0+$)\d+$|^(true|yes|on)$/i.test(chroot);
  if (!isChroot || base === undefined) return (path) => resolve(startedIn, path);
  const folder = resolve(startedIn, base);
  return (path) => (isAbsolute(path) ? join(folder, path) : resolve(folder, path));
}

/** The text of the last element that lies so in the root. */
export function lastOf(root: XmlElement, section: string, name: string): string | undefined {
  const found = root.children
    .filter((child) => child.name === section)
    .flatMap(({ children }) => children)
    .findLast((child) => child.name === name && textOf(child) !== undefined);
  return found && textOf(found);
}

export function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

export function isWritableFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
