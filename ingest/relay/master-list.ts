import type { MasterSettings } from "../../config/ingest-settings.ts";
import { MountPathError, mountPath } from "../../shared/mount-path.ts";
import { exchange } from "../http-exchange.ts";
import { masterListBytes, masterStreams, masterTimeoutMs } from "../station-limits.ts";
import type { Relay } from "./relay-settings.ts";

/**
 * The streams of a master, from its `/admin/streamlist.txt`: a mount on each line. Lines that cannot be mounts here are
 * left out.
 */
export function parseStreamList(text: string): string[] {
  const mounts = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    const name = line.trim();
    if (name === "" || mounts.size >= masterStreams) continue;
    try {
      mounts.add(mountPath(name));
    } catch (error) {
      if (!(error instanceof MountPathError)) throw error;
    }
  }
  return [...mounts];
}

/** Asks a master for its streams; each is to be on the mount of its own name. Rejects when there is no usable answer. */
export async function fetchStreamList(
  master: MasterSettings,
  { userAgent, signal }: { readonly userAgent: string; readonly signal: AbortSignal },
): Promise<Relay[]> {
  const { url, username, password, onDemand } = master;
  const login = Buffer.from(`${username}:${password}`).toString("base64");
  const { status, body } = await exchange({
    url: `${url}/admin/streamlist.txt`,
    method: "GET",
    headers: { Authorization: `Basic ${login}`, "User-Agent": userAgent, Connection: "close" },
    signal,
    timeoutMs: masterTimeoutMs,
    maxReplyBytes: masterListBytes,
  });
  if (status !== 200) throw new Error(`the master answered ${status}`);
  return parseStreamList(body).map((mount) => ({
    url: new URL(encodeURI(mount).replace(/[?#]/g, encodeURIComponent), `${url}/`).href,
    mount: mountPath(mount),
    username,
    password,
    titles: true,
    onDemand,
  }));
}
