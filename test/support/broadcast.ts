import { IcyDeinterleaver } from "../../shared/icy.ts";
import { bucketOf } from "./bucket.ts";
import { withoutSilence } from "./heard.ts";
import { listen } from "./listen.ts";
import type { Stack } from "./stack.ts";
import { type SourceStatus, waitForStatus } from "./status.ts";

/** What became of all that one source sent. */
export interface Broadcast {
  /** The mount's objects, one after another. */
  readonly stored: Buffer;
  /** What a listener got that was there from the beginning, metadata blocks and the grace's silence taken out. */
  readonly heard: Buffer;
  /** Titles the listener saw, in order. */
  readonly titles: readonly string[];
  /** What /status-json.xsl told while the source was on the air. */
  readonly status: SourceStatus;
}

/**
 * Follows a mount from the moment its source appears until the last listener has been sent away. `gone` resolves when
 * the source has ended by itself; a rejection of it ends the wait at once.
 */
export async function followBroadcast(
  stack: Stack,
  mount: string,
  gone: Promise<unknown>,
): Promise<Broadcast> {
  const failed = gone.then(() => new Promise<never>(() => undefined));
  const status = await Promise.race([waitForStatus(stack, mount), failed]);
  // The longest burst: from the first frame on.
  const listening = await listen(`${stack.edgeUrl}${encodeURI(mount)}?burst=60`, { icy: true });
  if (listening.status !== 200) throw new Error(`${mount}: a listener got ${listening.status}`);
  await gone;
  await listening.ended;
  const deinterleaver = new IcyDeinterleaver(Number(listening.headers["icy-metaint"]));
  const { audio, titles } = deinterleaver.push(listening.bytes());
  return {
    stored: await bucketOf(stack).audio(mount),
    heard: withoutSilence(Buffer.concat(audio)),
    titles: titles.map(({ text }) => text),
    status,
  };
}
