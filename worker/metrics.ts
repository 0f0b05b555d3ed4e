import { type Metric, metricsContentType, metricsText } from "../shared/metrics-text.ts";
import { admit } from "./access/admit.ts";
import { eventClients } from "./api/event-stream.ts";
import { directoryListing } from "./directory.ts";
import { metricsAudienceMounts, metricsAgeMs } from "./limits.ts";
import { type Host, isolateCounts } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { replyHeaders } from "./reply-headers.ts";
import { audiences, stationCounters } from "./roster/roster.ts";
import { describeStation, named, one } from "./station-metrics.ts";

let last: { readonly text: string; readonly atMs: number } | undefined;

/** `GET /metrics`, for logins that may look: the station as Prometheus reads it, and the isolate that answers. */
export async function metrics(request: Request, host: Host): Promise<Response> {
  const visitor = await admit(request, ["viewer"], host);
  if (visitor instanceof Response) return visitor;
  if (!last || msSince(last.atMs) >= metricsAgeMs) {
    const text = metricsText([...(await stationMetrics(host)), ...isolateMetrics()]);
    last = { text, atMs: Date.now() };
  }
  return new Response(last.text, { headers: replyHeaders(metricsContentType) });
}

async function stationMetrics(host: Host): Promise<Metric[]> {
  const listing = await directoryListing(host);
  const mounts = listing.mounts
    .toSorted((a, b) => b.listeners - a.listeners)
    .slice(0, metricsAudienceMounts)
    .map(({ mount }) => mount);
  const [counters, heard] = await Promise.all([stationCounters(host), audiences(mounts, host)]);
  return describeStation(listing, counters, heard);
}

function isolateMetrics(): Metric[] {
  const { listeners, ...asked } = isolateCounts();
  const gauge = named("gauge");
  const counts = Object.entries(asked).map(([name, value]) => {
    const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const help = isolateHelp[name as keyof typeof asked];
    return named("counter")(`isolate_${words}_total`, help, one(value));
  });
  return [
    gauge("isolate_listeners", "Listeners of the runtime that answers.", one(listeners)),
    gauge(
      "isolate_event_clients",
      "Those who follow the events at the runtime that answers.",
      one(eventClients()),
    ),
    ...counts,
  ];
}

const isolateHelp: Readonly<Record<keyof Omit<ReturnType<typeof isolateCounts>, "listeners">, string>> = {
  bucketReads: "Segments got from the bucket, each try, by the runtime that answers.",
  mountCalls: "Questions to mounts.",
  directoryCalls: "Questions to the directory.",
  seatCalls: "Seats asked for and told of.",
  rosterCalls: "Reports of who joined and left.",
  cacheReads: "Segments looked for in the data centre's cache.",
  cacheHits: "Segments found there.",
  cacheWrites: "Segments put there.",
};
