import { askingRate, planRelays } from "../shared/relay.ts";
import { reportDistances } from "../shared/roster.ts";
import { millis } from "../shared/units.ts";
import { recordsPollMs } from "../ingest/station-limits.ts";
import { tellEveryMs } from "../worker/archive/limits.ts";
import {
  mountCallHoldMs,
  publishFiguresEveryMs,
  relayHoldMs,
  relayLimits,
  republishMs,
  rosterLimits,
  rosterSaveMs,
  seatBatchMs,
  stationAgeMs,
} from "../worker/limits.ts";
import {
  chunkBytes,
  chunkPartBytes,
  chunkSegments,
  chunkSpanMs,
  settleMs,
} from "../worker/archive/limits.ts";

/**
 * What a station costs a month on Cloudflare, from operations that the code makes and tests count (test/e2e/reads.test.ts:
 * one bucket read and one call of the mount for each segment and isolate, whatever the number of listeners).
 *
 * An isolate is where listeners share: it has one question and one read for all of them. How many there are is the
 * platform's choice and not published: they are a parameter, with a rule for those who have no better number.
 */
export interface Station {
  /** On air around the clock. */
  readonly mounts: number;
  /** On average, in all, as many on each mount. */
  readonly listeners: number;
  readonly segmentSeconds: number;
  readonly bitrateKbps: number;
  /** How long a listener stays. */
  readonly sessionSeconds: number;
  /** Data centres that listeners come to. */
  readonly dataCentres: number;
  /** Isolates, in all data centres. */
  readonly isolates: number;
  /** Continents that listeners are on. */
  readonly regions: number;
  /** Whether mounts have a listener limit, so that joins and leaves are told. */
  readonly hasLimits: boolean;
  /** Whether the ingest host writes an access log, and fetches what it writes. */
  readonly hasAccessLog: boolean;
  /** How long segments are kept, days. */
  readonly keptDays: number;
  /** Whether mounts have an archive, which merges their segments: each is read once more for that. */
  readonly isMerged: boolean;
  /** Of the worker, per listener and second of listening. */
  readonly cpuMicroseconds: number;
  /**
   * Who reads a segment once. The data centre, where its isolates find it in the shared cache, which is not certain: they
   * hear of it at the same moment, and those who ask before the first has put it there read it too.
   */
  readonly readBy: "isolate" | "data centre";
}

/**
 * 500 listeners of at most 250 KB fill an isolate's 128 MB. Fewer do not mean fewer isolates than data centres: Cloudflare
 * sends the requests of a worker to one server of a data centre while that can take them ("worker sharding", its blog,
 * 2025-09-26), so there is about one in each.
 */
const listenersPerIsolate = 500;
/** Most stations have their listeners in a few countries. */
const usualDataCentres = 10;

/** A station at this project's defaults, with isolates by the rule max(data centres, listeners / 500). */
export function usualStation(
  mounts: number,
  listeners: number,
  given: Partial<Omit<Station, "mounts" | "listeners">> = {},
): Station {
  const dataCentres = given.dataCentres ?? Math.min(usualDataCentres, listeners);
  return {
    mounts,
    listeners,
    segmentSeconds: 2,
    bitrateKbps: 128,
    sessionSeconds: 1_800,
    dataCentres,
    isolates: Math.max(Math.min(dataCentres, listeners), Math.ceil(listeners / listenersPerIsolate)),
    regions: Math.min(3, dataCentres),
    hasLimits: false,
    hasAccessLog: true,
    keptDays: 1,
    isMerged: true,
    cpuMicroseconds: 52,
    readBy: "isolate",
    ...given,
  };
}

/** Operations a second; all mounts, unless it says otherwise. */
export interface Rates {
  readonly puts: number;
  readonly bucketReads: number;
  /** Of the busiest object: one mount's. */
  readonly callsPerMount: number;
  readonly mountCalls: number;
  readonly relayCalls: number;
  readonly directoryCalls: number;
  /** Of all rosters, with their alarms, and of the ledger: who listens, and what is counted. */
  readonly rosterCalls: number;
  readonly ledgerCalls: number;
  /** Of all archives, which are told what their mounts have. */
  readonly archiveCalls: number;
  readonly rowsWritten: number;
  /** Requests that reach the worker: listeners who come, and ingest hosts. */
  readonly requests: number;
  /** CPU-seconds in a second. */
  readonly cpu: number;
  /** Objects that are awake: most of them all the time. */
  readonly objects: number;
  /** Isolates that have listeners of one mount. */
  readonly isolatesPerMount: number;
  /** In all regions, of one mount. */
  readonly relaysPerMount: number;
}

/** What an isolate with listeners of a mount does for one segment. */
export const perSegmentAndIsolate = (
  segmentSeconds: number,
): { bucketReads: number; mountCalls: number } => ({
  bucketReads: 1,
  mountCalls: Math.ceil((segmentSeconds * 1000) / mountCallHoldMs),
});

export function ratesOf(station: Station): Rates {
  const { mounts, listeners, segmentSeconds, sessionSeconds } = station;
  const segments = 1 / segmentSeconds;
  const audience = listeners / mounts;
  const isolatesPerMount = occupied(station.isolates, audience);
  const readers = station.readBy === "isolate" ? isolatesPerMount : occupied(station.dataCentres, audience);
  const joins = audience / sessionSeconds;
  const renewals = renewalsPerSegment(segmentSeconds) * segments;
  const { views, relays, relayCalls } = askedOfMount(station, isolatesPerMount);
  // Joins and leaves of a moment share a call; without a limit nobody is told.
  const seats = station.hasLimits
    ? 2 * isolatesPerMount * Math.min(1000 / seatBatchMs, joins / isolatesPerMount || 0)
    : 0;
  const callsPerMount = segments + renewals + views + seats;
  // The count of listeners changes with each that comes or goes.
  const updates = Math.min(1000 / publishFiguresEveryMs, Math.max(1000 / republishMs, 2 * joins));
  const settings = Math.min((station.isolates * 1000) / stationAgeMs, mounts * joins);
  const { reports, saves } = toldToRosters(isolatesPerMount, joins);
  const polls = station.hasAccessLog ? 1000 / recordsPollMs : 0;
  const rosterCalls = mounts * (reports + saves);
  const ledgerCalls = mounts * saves + polls;
  const archiveCalls = station.isMerged ? (mounts * 1000) / tellEveryMs : 0;
  // Each save sets an alarm, stores counts and has the ledger store them, and with them a row of records, twice each.
  const rosterRows = mounts * saves * (station.hasAccessLog ? 6 : 4);
  return {
    puts: mounts * segments,
    bucketReads: mounts * readers * segments * perSegmentAndIsolate(segmentSeconds).bucketReads,
    callsPerMount,
    mountCalls: mounts * callsPerMount,
    relayCalls: mounts * relayCalls,
    directoryCalls: mounts * updates + settings,
    rosterCalls,
    ledgerCalls,
    archiveCalls,
    // The archive changes the row of the run that a segment is in with each word.
    rowsWritten: mounts * segments + rosterRows + archiveCalls,
    requests: mounts * (joins + segments + renewals) + polls,
    cpu: (listeners * station.cpuMicroseconds) / 1e6,
    // A question or a source's word is never ten seconds away, so no mount may sleep, nor the directory. Rosters and the
    // ledger have nothing to do between two calls, and nobody pays for that.
    objects: mounts * (1 + relays) + 1 + (rosterCalls + ledgerCalls + archiveCalls) * callSeconds,
    isolatesPerMount,
    relaysPerMount: relays,
  };
}

/** How long an object has to do with a call: a millisecond as a rule, and ten where it asks another one, as a save does. */
const callSeconds = 0.002;

/**
 * What one mount's roster is told by its isolates, when each joins and leaves at random, and how often it stores it and
 * tells the ledger: calls a second.
 */
export function toldToRosters(isolates: number, joins: number): { reports: number; saves: number } {
  const { everyMs, idleMs } = reportDistances(Math.max(1, isolates), rosterLimits);
  const [every, idle] = [everyMs / 1000, Math.max(everyMs, idleMs) / 1000];
  // Of an isolate that has listeners.
  const changes = (2 * joins) / isolates || 0;
  // The next change, no sooner than `every` and no later than `idle`.
  const distance =
    changes > 0 ? every + (Math.exp(-changes * every) - Math.exp(-changes * idle)) / changes : idle;
  const reports = isolates / distance;
  return { reports, saves: Math.min(reports, 1000 / rosterSaveMs) };
}

/** The questions of a mount's isolates: to itself, or to relays and theirs to it. */
function askedOfMount({ segmentSeconds, regions }: Station, isolates: number) {
  const segmentMs = segmentSeconds * 1000;
  const direct = askingRate(isolates, segmentMs, mountCallHoldMs);
  const plan = planRelays({ relays: 0, fewerSinceMs: null }, direct, millis(0), relayLimits);
  if (plan.relays === 0) return { views: direct, relays: 0, relayCalls: 0 };
  const relays = plan.relays * regions;
  return {
    views: askingRate(relays, segmentMs, relayHoldMs),
    relays,
    relayCalls: askingRate(isolates, segmentMs, relayHoldMs),
  };
}

/** Of so many places, how many have somebody when so many choose one at random; of less than one person, its part. */
export const occupied = (places: number, people: number): number =>
  people < 1 ? people : places * (1 - (1 - 1 / places) ** people);

/** A source's ingest host speaks up when nothing was announced for a quarter more than 2 s, or than a segment: see ingest/source-session.ts. */
export const renewalsPerSegment = (segmentSeconds: number): number =>
  Math.ceil(segmentSeconds / (1.25 * Math.min(2, segmentSeconds))) - 1;

/** What one mount's archive has and does in a day on air, beside the segments' own puts. */
export interface ArchiveDay {
  readonly objects: number;
  /** Class A and B. */
  readonly writes: number;
  readonly reads: number;
  /** Of whoever fetches the whole day. */
  readonly readsToFetch: number;
}

/** What a download reads at once of a chunk: worker/archive/file-limits.ts. */
const readAtOnceBytes = 1_048_576;

export function archiveDay(
  { segmentSeconds, bitrateKbps }: Pick<Station, "segmentSeconds" | "bitrateKbps">,
  isMerged: boolean,
): ArchiveDay {
  const segments = 86_400 / segmentSeconds;
  if (!isMerged) return { objects: segments, writes: 0, reads: 0, readsToFetch: segments };
  const bytesPerSecond = bitrateKbps * 125;
  const seconds = Math.min(chunkSpanMs / 1000, chunkSegments * segmentSeconds, chunkBytes / bytesPerSecond);
  const chunks = 86_400 / seconds;
  const parts = Math.ceil((seconds * bytesPerSecond) / chunkPartBytes);
  // The chunk, a part at a time where it has several, and its index.
  const puts = (parts > 1 ? parts + 2 : 1) + 1;
  // What the index may not know is listed, and when the chunk is made what is left: segments and chunks each time.
  const listings = Math.ceil((seconds + settleMs / 1000) / segmentSeconds / 1000) + 1 + 2;
  return {
    objects: 2 * chunks,
    writes: chunks * (puts + listings),
    // Each segment; whether the chunk is there already, the chunk as it was written, and whether it still is there.
    reads: segments + 3 * chunks,
    readsToFetch: (86_400 * bytesPerSecond) / readAtOnceBytes,
  };
}

/** A price: dollars for each so many beyond what the plan includes. */
interface Price {
  readonly dollars: number;
  readonly each: number;
  readonly included: number;
  /** Whether a part of `each` costs as much as the whole. */
  readonly isWhole?: true;
}

/** As of November 2026, in the pages of developers.cloudflare.com that are named. */
export const prices = {
  /** workers/platform/pricing: the paid plan; no charge for duration, bandwidth or subrequests. */
  plan: 5,
  requests: { dollars: 0.3, each: 1e6, included: 10e6 },
  cpuMs: { dollars: 0.02, each: 1e6, included: 30e6 },
  /** durable-objects/platform/pricing: a method call is a request; 128 MB for as long as an object is awake. */
  objectRequests: { dollars: 0.15, each: 1e6, included: 1e6 },
  objectGbSeconds: { dollars: 12.5, each: 1e6, included: 400_000 },
  rowsWritten: { dollars: 1, each: 1e6, included: 50e6 },
  /** r2/pricing: operations are rounded up to the next million. */
  classA: { dollars: 4.5, each: 1e6, included: 1e6, isWhole: true },
  classB: { dollars: 0.36, each: 1e6, included: 10e6, isWhole: true },
  storedGb: { dollars: 0.015, each: 1, included: 10 },
} as const satisfies Record<string, number | Price>;

export function dollarsFor(amount: number, { dollars, each, included, isWhole }: Price): number {
  const units = Math.max(0, amount - included) / each;
  return dollars * (isWhole ? Math.ceil(units) : units);
}

/** Of 730 hours. */
export const monthSeconds = 730 * 3600;
const objectGb = 0.128;

/** Calls of objects that have to do with who sends and what is heard. */
const ofBroadcast = ({ mountCalls, relayCalls, directoryCalls }: Rates): number =>
  mountCalls + relayCalls + directoryCalls;

export interface Cost {
  /** A month's, in the units they are paid in. */
  readonly month: Readonly<Record<Exclude<keyof typeof prices, "plan">, number>>;
  readonly dollars: Readonly<Record<keyof typeof prices, number>>;
  readonly total: number;
}

export function costOf(station: Station): Cost {
  const rates = ratesOf(station);
  const archive = archiveDay(station, station.isMerged);
  const archived = (station.mounts * monthSeconds) / 86_400;
  const month = {
    requests: rates.requests * monthSeconds,
    cpuMs: rates.cpu * 1000 * monthSeconds,
    objectRequests:
      (ofBroadcast(rates) + rates.rosterCalls + rates.ledgerCalls + rates.archiveCalls) * monthSeconds,
    objectGbSeconds: rates.objects * objectGb * monthSeconds,
    rowsWritten: rates.rowsWritten * monthSeconds,
    classA: rates.puts * monthSeconds + archived * archive.writes,
    classB: rates.bucketReads * monthSeconds + archived * archive.reads,
    storedGb: (station.mounts * station.keptDays * 86_400 * station.bitrateKbps * 125) / 1e9,
  };
  const dollars = {
    plan: prices.plan,
    requests: dollarsFor(month.requests, prices.requests),
    cpuMs: dollarsFor(month.cpuMs, prices.cpuMs),
    objectRequests: dollarsFor(month.objectRequests, prices.objectRequests),
    objectGbSeconds: dollarsFor(month.objectGbSeconds, prices.objectGbSeconds),
    rowsWritten: dollarsFor(month.rowsWritten, prices.rowsWritten),
    classA: dollarsFor(month.classA, prices.classA),
    classB: dollarsFor(month.classB, prices.classB),
    storedGb: dollarsFor(month.storedGb, prices.storedGb),
  };
  return { month, dollars, total: Object.values(dollars).reduce((sum, each) => sum + each, 0) };
}

/** The most isolates that a station can have for so much a month; 0 when one is too many. */
export function mostIsolates(station: Station, dollars: number): number {
  let [least, most] = [0, 1_000_000];
  while (least < most) {
    const isolates = Math.ceil((least + most) / 2);
    if (costOf({ ...station, isolates }).total <= dollars) least = isolates;
    else most = isolates - 1;
  }
  return least;
}
