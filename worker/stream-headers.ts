import type { EdgeStation } from "../shared/edge-station.ts";
import { durationMs } from "../shared/segment.ts";
import { replyHeaders } from "./reply-headers.ts";
import type { Home } from "./stage.ts";
import { rulesOf } from "./station.ts";
import { sourceInfoOf } from "./stream-info.ts";

/**
 * As Icecast 2.4.4 orders them; only what the station or the source said appears, but for the bitrate, which is measured
 * then, and the name, which is the station's then: VLC asks for titles only where it sees `icy-name` or `icy-genre`.
 */
export function streamHeaders(
  feed: Home,
  station: Pick<EdgeStation, "name" | "mounts">,
  metaint: number,
): Headers {
  const said = rulesOf(station, feed.mount);
  const source = feed.source ? sourceInfoOf(feed.source, said) : said?.stream;
  const headers = new Headers(replyHeaders("audio/mpeg"));
  const set = (name: string, value: string | undefined): void => {
    // Control characters would make the whole reply fail.
    if (value) headers.set(name, value.replace(/\p{Cc}/gu, " "));
  };
  const isPublic = said?.public ?? feed.source?.public;
  set("icy-br", source?.bitrate || measuredBitrate(feed));
  set("ice-audio-info", feed.source?.audioInfo);
  set("icy-description", source?.description);
  set("icy-genre", source?.genre);
  set("icy-name", source?.name || station.name);
  set("icy-pub", isPublic === undefined ? undefined : isPublic ? "1" : "0");
  set("icy-url", source?.url);
  if (metaint > 0) headers.set("icy-metaint", String(metaint));
  return headers;
}

function measuredBitrate(feed: Home): string | undefined {
  const newest = feed.window.at(-1);
  return newest && String(Math.round((newest.bytes * 8) / durationMs(newest)));
}
