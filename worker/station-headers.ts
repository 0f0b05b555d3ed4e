import type { EdgeStation, ReplyHeader } from "../shared/edge-station.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import { rulesOf } from "./station.ts";

/** The station's own headers for a reply, `http-headers` in an Icecast configuration: its mount's after those of all. */
export function stationHeaders(
  { headers, mounts }: Pick<EdgeStation, "headers" | "mounts">,
  pathname: string,
  status: number,
): readonly ReplyHeader[] {
  const own = hasHeaders(mounts) ? headersOfMount({ mounts }, pathname) : [];
  return [...headers, ...own].filter(
    (header) => (header.status === undefined || header.status === status) && !framing.test(header.name),
  );
}

/** Each replaces what the reply has of its name; of several of one name all stay. */
export function addHeaders(to: Headers, headers: readonly ReplyHeader[]): void {
  const added = new Set<string>();
  for (const { name, value } of headers) {
    // Control characters would make the whole reply fail.
    const safe = value.replace(/\p{Cc}/gu, " ");
    const key = name.toLowerCase();
    if (added.has(key)) to.append(name, safe);
    else to.set(name, safe);
    added.add(key);
  }
}

/** They say where a reply ends and what is in it, which only we know. */
const framing =
  /^(?:connection|content-length|icy-metaint|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

const hasHeaders = (mounts: EdgeStation["mounts"]): boolean =>
  Object.values(mounts).some(({ headers }) => headers !== undefined);

function headersOfMount(station: Pick<EdgeStation, "mounts">, pathname: string): readonly ReplyHeader[] {
  try {
    return rulesOf(station, parseMountPath(pathname))?.headers ?? [];
  } catch (error) {
    if (error instanceof MountPathError) return [];
    throw error;
  }
}
