import { resolve } from "node:path";
import type { EdgeStation } from "../../shared/edge-station.ts";
import type { StackSettings } from "../../config/settings.ts";
import { formatName } from "../autodj/parts.ts";
import type { Operations } from "./object-store.ts";
import { printable } from "./printable.ts";
import type { UploadSummary } from "./upload.ts";
import { count, duration, rate, size } from "./words.ts";

export interface Told {
  readonly name: string;
  readonly summary: UploadSummary;
  readonly dryRun: boolean;
  /** Of the whole command: what storage bills. */
  readonly operations: Operations;
  readonly settings: Pick<StackSettings, "edge" | "stationFile">;
  /** Where listeners come; absent where this host does not know it. */
  readonly edgeUrl?: string;
  /** Ms since the Unix epoch. */
  readonly now: number;
}

/** What came of an upload, for whoever started it. */
export function uploadReport(told: Told): string {
  const { name, summary, dryRun, operations } = told;
  const { tracks, jingles, playMs, format, refused, stored } = summary;
  const between = jingles === 0 ? "" : ` and ${count(jingles, "jingle")}`;
  const lines = [
    `Library ${name}: ${count(tracks, "track")}${between}, ${duration(playMs)} of music, ${formatName(format)}`,
  ];
  if (dryRun) lines.push("  nothing was stored: it was a dry run");
  else if (stored.tracks === 0) lines.push("  storage had them all");
  else {
    const { bytes, ms } = stored;
    const speed = rate(bytes, ms);
    const asked = count(operations.puts + operations.lists, "operation");
    const figures = `${size(bytes)} in ${duration(ms)}${speed === "" ? "" : ` (${speed})`}`;
    lines.push(`  ${count(stored.tracks, "track")} uploaded, ${figures}, ${asked} of storage`);
  }
  if (refused.length > 0) {
    lines.push(`  ${count(refused.length, "file")} refused:`);
    for (const each of refused) lines.push(`    ${printable(each.name)} ${printable(each.reason)}`);
  }
  if (!dryRun) lines.push(whenLine(told), "", ...whereLines(told));
  return `${lines.join("\n")}\n`;
}

function whenLine({ summary: { fromMs }, now }: Told): string {
  if (fromMs === undefined) return "  nothing has changed in what plays";
  if (fromMs <= now) return "  it plays within a minute";
  return `  it plays from ${new Date(fromMs).toISOString().slice(11, 19)} UTC on, in ${Math.ceil((fromMs - now) / 1000)} s, everywhere at once`;
}

/** The addresses it is heard at; without any, what is missing in the station file. */
function whereLines({ name, settings, edgeUrl }: Told): string[] {
  const { edge, stationFile } = settings;
  const mounts = mountsOf(edge, name);
  if (mounts.length > 0) {
    return mounts.map((mount) => `Listen: ${edgeUrl ?? "the edge, at "}${encodeURI(mount)}`);
  }
  const mount = `/${name}.mp3`;
  const where =
    stationFile === undefined
      ? `into a new file, ${printable(resolve("station.toml"))},`
      : `at the end of ${printable(stationFile)}`;
  return [
    `No mount plays it yet. Put these lines ${where} and start the station anew:`,
    "",
    "[[autodj]]",
    `mount = "${mount}"`,
    'kind = "edge"',
    `library = "${name}"`,
    "",
    `Then listen: ${edgeUrl ?? "the edge, at "}${mount}`,
  ];
}

/** Mounts that are told to play a library. */
const mountsOf = ({ mounts }: Pick<EdgeStation, "mounts">, library: string): string[] =>
  Object.entries(mounts ?? {}).flatMap(([mount, { autodj }]) => (autodj?.library === library ? [mount] : []));
