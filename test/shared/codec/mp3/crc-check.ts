import { spawnClient } from "../../../support/clients.ts";

/** What ffmpeg says when it compares CRCs and looks for damage; empty when nothing is wrong. */
export async function complaintsAboutCrcs(bytes: Uint8Array): Promise<string> {
  const detect = ["-v", "warning", "-err_detect", "crccheck+bitstream"];
  const client = spawnClient("ffmpeg", [...detect, "-f", "mp3", "-i", "-", "-f", "null", "-"], {
    stdin: bytes,
  });
  try {
    await client.exited();
    return client.stderr();
  } finally {
    client.kill();
  }
}
