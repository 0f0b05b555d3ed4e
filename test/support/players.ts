import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, spawnClient } from "./clients.ts";

/** What players say when they were given anything but whole frames in order. */
export const decoderComplaint =
  /Header missing|Illegal Audio-MPEG-Header|Trying to resync|Skipped \d+ bytes|overread|invalid new backstep|Error while decoding|Error decoding audio|Invalid data found/i;

/** A folder that every user may write to: VLC does not run as root. The caller removes it. */
export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skywave-players-"));
  chmodSync(folder, 0o777);
  return folder;
}

/** VLC refuses root: there it runs as nobody. `folder` from `openFolder` is its home. */
export function spawnVlc(folder: string, args: readonly string[]): Client {
  const env = { HOME: folder, XDG_RUNTIME_DIR: folder, LC_ALL: "C.UTF-8" };
  if (process.getuid?.() !== 0) return spawnClient("cvlc", args, { env });
  const asNobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "cvlc"];
  return spawnClient("setpriv", [...asNobody, ...args], { env });
}

/** All that a client has written, as the UTF-8 it is. */
export const outputOf = (client: Client): string =>
  client.stdout().toString("utf8") + Buffer.from(client.stderr(), "latin1").toString("utf8");
