import type { ArchiveReport } from "./archive-check.ts";
import type { Channel } from "./channel.ts";
import type { FaultKind } from "./faults.ts";

/** What one kind of fault did to all the listeners and archives under it. */
export interface FaultReport {
  readonly fault: string;
  readonly times: number;
  readonly listeners: number;
  readonly dropped: number;
  readonly longestWithoutBytesMs: number;
  /** Longest silence of a player that starts 0.5 s after its first byte. */
  readonly longestDryMs: number;
  /** From the end of a connection to the first byte of the next, 0 when none ended. */
  readonly longestRejoinMs: number;
  /** Source frames a listener did not get, on average for one fault. */
  readonly lostPerFault: number;
  readonly repeated: number;
  readonly outOfOrder: number;
  readonly damaged: number;
  readonly titlesWrong: number;
  readonly acknowledged: number;
  readonly archiveMissing: number;
  readonly archiveRepeated: number;
  /** Objects with anything but whole frames of their sources, in order. */
  readonly archiveDamaged: number;
  /** What must never be and was: empty when all is well. */
  readonly broken: readonly string[];
  /** Examples. */
  readonly notes: readonly string[];
}

/** A listener that retries every 100 ms has its first byte sooner than this after the runtime was killed. */
const rejoinWithinMs = 2_000;
const notesKept = 12;

/** `failures` are what kept it from being gone through. */
export function reportOf(
  fault: FaultKind,
  channels: readonly Channel[],
  archives: readonly ArchiveReport[],
  failures: readonly string[] = [],
): FaultReport {
  const listeners = channels.flatMap((channel) => channel.listeners);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const most = (values: readonly number[]) => Math.round(Math.max(0, ...values));
  const heard = sum(channels.map((channel) => channel.faults * channel.listeners.length));
  const counts = {
    dropped: sum(listeners.map(({ dropped }) => dropped)),
    longestWithoutBytesMs: most(listeners.map(({ longestWithoutBytesMs: ms }) => ms)),
    longestDryMs: most(listeners.map(({ longestDryMs: ms }) => ms)),
    longestRejoinMs: most(listeners.flatMap(({ rejoinMs }) => rejoinMs)),
    lostPerFault: Math.round((10 * sum(listeners.map(({ lost }) => lost))) / Math.max(1, heard)) / 10,
    repeated: sum(listeners.map(({ repeated }) => repeated)),
    outOfOrder: sum(listeners.map(({ outOfOrder }) => outOfOrder)),
    damaged: sum(listeners.map(({ damaged }) => damaged)),
    titlesWrong: sum(listeners.map(({ titlesWrong }) => titlesWrong)),
    acknowledged: sum(archives.map(({ acknowledged }) => acknowledged)),
    archiveMissing: sum(archives.map(({ missing }) => missing)),
    archiveRepeated: sum(archives.map(({ repeated }) => repeated)),
    archiveDamaged: sum(archives.map(({ damaged, outOfOrder }) => damaged + outOfOrder)),
  };
  const silent = listeners.filter(({ sourceFrames }) => sourceFrames === 0).length;
  const broken = [
    ...failures,
    fault.rejoin !== true && counts.dropped > 0 ? `${counts.dropped} listeners dropped` : "",
    fault.rejoin === true && counts.longestRejoinMs >= rejoinWithinMs
      ? `${counts.longestRejoinMs} ms to rejoin`
      : "",
    counts.damaged > 0 ? `${counts.damaged} frames damaged` : "",
    counts.repeated > 0 ? `${counts.repeated} frames repeated` : "",
    counts.outOfOrder > 0 ? `${counts.outOfOrder} frames out of order` : "",
    counts.titlesWrong > 0 ? `${counts.titlesWrong} titles wrong` : "",
    counts.archiveMissing > 0 ? `${counts.archiveMissing} acknowledged frames not in the archive` : "",
    counts.archiveRepeated > 0 ? `${counts.archiveRepeated} frames in the archive twice` : "",
    counts.archiveDamaged > 0 ? `${counts.archiveDamaged} frames in the archive damaged or misplaced` : "",
    silent > 0 ? `${silent} listeners heard nothing` : "",
  ].filter((problem) => problem !== "");
  const notes = [
    ...listeners.flatMap((listener) => listener.notes.slice(0, 4)),
    ...archives.flatMap((archive) => archive.notes.slice(0, 4)),
    ...listeners.flatMap((listener) => listener.skips.slice(0, 4)),
  ];
  const times =
    fault.counted === "per-listener"
      ? heard
      : "each" in fault.strike || fault.counted === "per-mount"
        ? sum(channels.map((channel) => channel.faults))
        : Math.max(0, ...channels.map((channel) => channel.faults));
  return {
    fault: fault.name,
    times,
    listeners: listeners.length,
    ...counts,
    broken,
    notes: [...new Set(notes)].slice(0, notesKept),
  };
}

/** The reports as a table for people, in Markdown. */
export function tableOf(reports: readonly FaultReport[]): string {
  const columns: readonly [string, (report: FaultReport) => string | number][] = [
    ["fault", ({ fault }) => fault],
    ["times", ({ times }) => times],
    ["listeners", ({ listeners }) => listeners],
    ["dropped", ({ dropped }) => dropped],
    ["longest without bytes, ms", ({ longestWithoutBytesMs }) => longestWithoutBytesMs],
    ["player dry, ms", ({ longestDryMs }) => longestDryMs],
    ["rejoin, ms", ({ longestRejoinMs }) => longestRejoinMs],
    ["stream: lost per fault", ({ lostPerFault }) => lostPerFault],
    ["repeated", ({ repeated }) => repeated],
    ["out of order", ({ outOfOrder }) => outOfOrder],
    ["damaged", ({ damaged }) => damaged],
    ["archive: acknowledged", ({ acknowledged }) => acknowledged],
    ["missing", ({ archiveMissing }) => archiveMissing],
    ["repeated ", ({ archiveRepeated }) => archiveRepeated],
    ["damaged ", ({ archiveDamaged }) => archiveDamaged],
    ["titles wrong", ({ titlesWrong }) => titlesWrong],
  ];
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [
    row(columns.map(([title]) => title)),
    row(columns.map((_, index) => (index === 0 ? "---" : "---:"))),
    ...reports.map((report) => row(columns.map(([, cell]) => cell(report)))),
  ].join("\n");
}
