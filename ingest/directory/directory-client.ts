import type { DirectorySettings } from "../../config/ingest-settings.ts";
import { exchange } from "../http-exchange.ts";
import { type Log, reasonOf } from "../log.ts";
import { directoryReplyBytes } from "../station-limits.ts";
import { readAnswer } from "./directory-call.ts";
import type { DirectoryAnswer } from "./directory-listing.ts";

/** POSTs a form to a directory as Icecast does; null when it cannot be reached or does not answer in time. */
export type DirectoryPost = (body: string, signal: AbortSignal) => Promise<DirectoryAnswer>;

export function openDirectoryPost(
  { url, timeoutMs }: DirectorySettings,
  userAgent: () => string,
  log: Pick<Log, "warn">,
): DirectoryPost {
  return async (body, signal) => {
    try {
      const { headers } = await exchange({
        url,
        method: "POST",
        headers: {
          "User-Agent": userAgent(),
          Accept: "*/*",
          "Content-Type": "application/x-www-form-urlencoded",
          // There are minutes between two calls.
          Connection: "close",
        },
        body,
        signal,
        timeoutMs,
        maxReplyBytes: directoryReplyBytes,
      });
      return readAnswer(headers);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ directory: new URL(url).host, reason: reasonOf(error) }, "the directory does not answer");
      return null;
    }
  };
}
