import { parseArgs } from "node:util";
import { askingRate } from "../shared/relay.ts";
import { mountCallHoldMs } from "../worker/limits.ts";
import {
  archiveDay,
  type Cost,
  costOf,
  monthSeconds,
  mostIsolates,
  prices,
  ratesOf,
  type Station,
  usualStation,
} from "./cost-model.ts";
import { atMost, type Findings, figure } from "./support/row.ts";

/**
 * `npm run bench:cost -- [--cpu-us 52] [--segment-seconds 2]`: what stations cost a month on Cloudflare, from counted
 * operations (`cost-model.ts`). Nothing is measured but the CPU time of a listener-second, which is given: by default
 * that of a throw-away build of the read path, the whole runtime process with its kernel time, which the platform does
 * not bill.
 */
const budgetDollars = 20;
const mountCounts = [1, 10, 100] as const;
const listenerCounts = [10, 1_000, 100_000, 1_000_000] as const;

type Given = Partial<Pick<Station, "cpuMicroseconds" | "segmentSeconds">>;

/** For the table of `npm run bench`. */
export function costFindings(given: Given = {}): Findings {
  const station = usualStation(1, 1_000, given);
  const dollars = figure(costOf(station).total);
  const most = mostIsolates(station, budgetDollars);
  return {
    rows: [
      {
        what: "1,000 listeners around the clock, one mount, $ a month",
        skywave: dollars,
        icecast: null,
        digits: 2,
        budget: atMost(budgetDollars, "$", dollars),
      },
    ],
    notes: [
      `The cost is worked out (\`npm run bench:cost\`): ${station.isolates} isolates with ${station.segmentSeconds} s segments; $${budgetDollars} are enough for ${most}. The host that runs the ingest is not in it; of the archive a day is, and $0.62 a month come with each month that is kept.`,
    ],
  };
}

function report(given: Given): string {
  return [
    "## A month of a station, 128 kb/s around the clock",
    byAudience(given),
    chart(given),
    "## One mount, 1,000 listeners: what it consists of",
    parts(usualStation(1, 1_000, given)),
    "## One mount, 1,000 listeners: how many isolates share them",
    byIsolates(given),
    "## One mount: a day in the archive, before and after it is merged",
    archived(given),
    "## One mount: how often its objects are asked",
    saturation(given),
    verdict(given),
  ].join("\n\n");
}

function byAudience(given: Given): string {
  const rows = stations(given).map((station) => {
    const rates = ratesOf(station);
    const { month, total } = costOf(station);
    return [
      count(station.mounts),
      count(station.listeners),
      count(station.isolates),
      count(rates.isolatesPerMount),
      count(rates.relaysPerMount),
      count(rates.callsPerMount),
      millions(month.classA),
      millions(month.classB),
      millions(month.objectRequests),
      millions(month.requests),
      millions(month.cpuMs),
      count(month.objectGbSeconds / 1000),
      month.storedGb.toFixed(1),
      money(total),
      money(costOf({ ...station, readBy: "data centre" }).total),
      perListenerHours(station, total),
    ];
  });
  const head = [
    "mounts",
    "listeners",
    "isolates",
    "of one mount",
    "its relays",
    "its calls/s",
    "PUTs, M",
    "reads, M",
    "object calls, M",
    "requests, M",
    "CPU-ms, M",
    "awake, 1,000 GB-s",
    "stored, GB",
    "$ a month",
    "if a data centre reads once",
    "$ per 1,000 listener-hours",
  ];
  return table(head, rows);
}

/** Dollars a month on a logarithmic scale: ten signs for each factor of ten above one dollar. */
function chart(given: Given): string {
  const lines = stations(given).map((station) => {
    const { total } = costOf(station);
    const name = `${count(station.mounts)} × ${count(station.listeners)}`;
    return `${name.padStart(15)} ${"█".repeat(Math.round(10 * Math.log10(total)))} ${money(total)}`;
  });
  return [
    "```",
    "mounts × listeners, $ a month (each ten signs are ten times as much)",
    ...lines,
    "```",
  ].join("\n");
}

function parts(station: Station): string {
  const { month, dollars, total }: Cost = costOf(station);
  const rows = [
    ["plan", "", money(dollars.plan)],
    ["requests to the worker", count(month.requests), money(dollars.requests)],
    [`CPU-ms, ${station.cpuMicroseconds} µs a listener-second`, count(month.cpuMs), money(dollars.cpuMs)],
    ["calls of objects", count(month.objectRequests), money(dollars.objectRequests)],
    ...callRows(station),
    ["objects awake, GB-s", count(month.objectGbSeconds), money(dollars.objectGbSeconds)],
    ["rows written", count(month.rowsWritten), money(dollars.rowsWritten)],
    ["PUTs (Class A)", count(month.classA), money(dollars.classA)],
    ["reads (Class B)", count(month.classB), money(dollars.classB)],
    ["stored, GB", month.storedGb.toFixed(1), money(dollars.storedGb)],
    ["in all", "", money(total)],
  ];
  return table(["what", "a month", "$"], rows);
}

/** Of the calls, whose they are; dollars as if they came last. */
function callRows(station: Station): string[][] {
  const { mountCalls, relayCalls, directoryCalls, rosterCalls, ledgerCalls, archiveCalls } = ratesOf(station);
  const each = { mountCalls, relayCalls, directoryCalls, rosterCalls, ledgerCalls, archiveCalls };
  return Object.entries(each).map(([name, rate]) => {
    const calls = rate * monthSeconds;
    const dollars = (calls * prices.objectRequests.dollars) / prices.objectRequests.each;
    return [`of these the ${name.replace("Calls", "'s")}`, count(calls), `(${money(dollars)})`];
  });
}

function byIsolates(given: Given): string {
  const rows = [1, 5, 10, 20, 50, 100, 1_000].map((isolates) => {
    const cells = [1, 2, 4].map((segmentSeconds) => {
      const { total } = costOf(usualStation(1, 1_000, { ...given, segmentSeconds, isolates }));
      return total <= budgetDollars ? money(total) : `**${money(total)}**`;
    });
    return [isolates === 1_000 ? "1,000: nobody shares" : count(isolates), ...cells];
  });
  const most = [1, 2, 4].map((segmentSeconds) =>
    count(mostIsolates(usualStation(1, 1_000, { ...given, segmentSeconds }), budgetDollars)),
  );
  rows.push([`most for $${budgetDollars}`, ...most]);
  return table(["isolates", "$ at 1 s segments", "2 s", "4 s"], rows);
}

/** Operations beside the puts of the segments themselves. */
function archived(given: Given): string {
  const rows = [
    [2, 64],
    [2, 128],
    [2, 320],
    [1, 128],
    [4, 128],
  ].flatMap(([segmentSeconds = 2, bitrateKbps = 128]) =>
    [false, true].map((isMerged) => {
      const day = archiveDay({ ...given, segmentSeconds, bitrateKbps }, isMerged);
      const name = `${bitrateKbps} kb/s, ${segmentSeconds} s segments, ${isMerged ? "merged" : "as they came"}`;
      return [name, count(day.objects), count(day.writes), count(day.reads), count(day.readsToFetch)];
    }),
  );
  const head = ["a day", "objects", "writes (Class A)", "reads (Class B)", "reads to fetch it whole"];
  return table(head, rows);
}

function saturation(given: Given): string {
  const rows = [100, 500, 1_000, 1_100, 2_000, 4_000, 10_000].map((isolates) => {
    const station = usualStation(1, isolates * 500, { ...given, isolates });
    const rates = ratesOf(station);
    const direct = askingRate(isolates, station.segmentSeconds * 1000, mountCallHoldMs);
    // All the isolates of one region are the worst that can be.
    const eachRelay =
      rates.relaysPerMount > 0 ? (station.regions * rates.relayCalls) / rates.relaysPerMount : 0;
    return [
      count(isolates),
      count(direct),
      count(rates.relaysPerMount),
      count(rates.callsPerMount),
      eachRelay > 0 ? count(eachRelay) : "",
      count(rates.directoryCalls),
    ];
  });
  const head = [
    "isolates",
    "mount's calls/s without relays",
    "relays",
    "mount's calls/s",
    "a relay's, if all are in one region",
    "directory's calls/s",
  ];
  return table(head, rows);
}

function verdict(given: Given): string {
  const [row] = costFindings(given).rows;
  const isMet = row?.budget?.isMet === true;
  return `Budget: 1,000 listeners around the clock, one mount, at most $${budgetDollars} a month: ${money(row?.skywave?.value ?? Number.NaN)}, ${isMet ? "met" : "NOT MET"}.`;
}

const stations = (given: Given): Station[] =>
  mountCounts.flatMap((mounts) => listenerCounts.map((listeners) => usualStation(mounts, listeners, given)));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(" | ")} |`;
  return [
    line(head),
    `|${widths.map((width) => `${"-".repeat(width + 1)}:`).join("|")}|`,
    ...rows.map(line),
  ].join("\n");
}

const count = (value: number): string =>
  value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
const money = (dollars: number): string =>
  dollars.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const millions = (value: number): string =>
  (value / 1e6).toLocaleString("en-US", { maximumFractionDigits: 1 });
const perListenerHours = ({ listeners }: Station, dollars: number): string =>
  ((1000 * dollars) / (listeners * 730)).toFixed(4);

if (import.meta.main) {
  const { values } = parseArgs({
    options: { "cpu-us": { type: "string" }, "segment-seconds": { type: "string" } },
  });
  const cpuMicroseconds = values["cpu-us"] === undefined ? undefined : Number(values["cpu-us"]);
  const segmentSeconds =
    values["segment-seconds"] === undefined ? undefined : Number(values["segment-seconds"]);
  console.log(
    report({
      ...(cpuMicroseconds !== undefined && { cpuMicroseconds }),
      ...(segmentSeconds !== undefined && { segmentSeconds }),
    }),
  );
}
