import type { EdgeStation } from "../shared/edge-station.ts";
import type { MountPath } from "../shared/units.ts";
import { type IcecastFields, serverFields, sortedFields, sourceFields } from "./icecast-fields.ts";
import type { ShownMount } from "./stream-info.ts";

/*
 * /status-json.xsl as Icecast 2.4.4 sends it (its XML statistics through a generic XML-to-JSON stylesheet), which other
 * people's tools read: no spaces, keys in ASCII order, and
 *
 * - `source` is absent without a mount, an object with one, an array with several;
 * - what Icecast hides at the end of an element leaves `"dummy":null` behind: last in every source, and last in
 *   `icestats` when there is no source;
 * - every text is JSON's number when it looks like one, `true` or `false` when it reads so in any case, and null when
 *   it is empty, whatever field it is in: a title "1999" is the number 1999;
 * - dates carry `+0000` without a colon.
 *
 * What Icecast does not know (the measured bitrate, the frame format) is not in it.
 */

export interface StatusInput {
  readonly station: Pick<EdgeStation, "admin" | "hostname" | "location" | "serverId">;
  /** Since when the station has been up, ms since the Unix epoch. */
  readonly serverStartMs: number;
  /** Those to show, in order. */
  readonly mounts: readonly ShownMount[];
  /** How listeners of a mount log in: "htpasswd", "url"; undefined where they do not. */
  readonly authenticatorOf?: (mount: MountPath) => string | undefined;
  /** Scheme and authority that listeners use: "https://radio.example". */
  readonly host: string;
}

export function statusJson({ station, serverStartMs, mounts, authenticatorOf, host }: StatusInput): string {
  const server = members(serverFields(station, serverStartMs));
  const sources = mounts.map(
    (shown) => `{${members(sourceFields(shown, host, authenticatorOf?.(shown.mount)))},${dummy}}`,
  );
  const source = sources.length > 1 ? `[${sources.join(",")}]` : sources[0];
  return `{"icestats":{${server},${source === undefined ? dummy : `"source":${source}`}}}`;
}

const dummy = `"dummy":null`;

/** In ASCII order, without the braces. */
const members = (fields: IcecastFields): string =>
  sortedFields(fields)
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
    .join(",");

/**
 * Text as the stylesheet types it: a number keeps its digits, and one that begins with 0 is a string. Icecast writes
 * `.5`, `5.` and `-` bare, which is not JSON; here they are strings.
 */
function jsonValue(text: string): string {
  if (text === "") return "null";
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase();
  if (/^(?:0|(?:-0|-?[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?)$/i.test(text)) return text;
  return JSON.stringify(text);
}
