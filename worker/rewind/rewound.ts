import { type BadMoment, type Moment, parseMoment } from "../../shared/rewind.ts";
import { archive } from "../archive/archive-reader.ts";
import { unavailable } from "../icecast-errors.ts";
import { clock } from "../isolate-clock.ts";
import { feedOf, type Host, MountFeed } from "../mount-feed.ts";
import type { Programme } from "../programme.ts";
import { replyHeaders } from "../reply-headers.ts";
import { settledWithin } from "../settled-within.ts";
import { silenceStage } from "../silence-stage.ts";
import type { Stage } from "../stage.ts";
import {
  delayedStages,
  earliestAgeMs,
  earliestMounts,
  firstLookMs,
  idleStageMs,
  leastLeadMs,
  longestLeadMs,
} from "./limits.ts";
import { Past, type PastPlace } from "./past.ts";
import { ShiftedStage } from "./shifted-stage.ts";

/** How much is sent at once to those who join. */
interface Burst {
  readonly behindMs: number;
  readonly leastBytes: number;
}

/** The moment that the query of a request asks for; null when it asks for none. */
export function momentOf({ url }: Request): Moment | BadMoment | null {
  if (!/[?&](?:offset|at|delay)(?:=|&|#|$)/.test(url)) return null;
  const { searchParams } = new URL(url);
  return parseMoment((name) => searchParams.getAll(name), Date.now());
}

/** The programme as it was at the moment, or what is to be answered when it cannot be. */
export async function rewound(
  moment: Moment | BadMoment,
  programme: Programme,
  burst: Burst,
  host: Host,
): Promise<Programme | Response> {
  const { home } = programme;
  // Of a library nothing is written, so nothing is kept.
  if (!(home instanceof MountFeed)) return notKept(moment, programme);
  const past = new Past(home, archive);
  await home.refresh(host);
  if (moment.kind === "bad") return refusal(400, moment.reason, past, host);
  if (moment.kind === "delay") return moment.delayMs === 0 ? programme : delayed(moment, programme, burst);
  const place = await past.placeAt(moment.atMs, host).catch(() => undefined);
  if (place === undefined) return unavailable();
  // What was on air then is not in storage yet: that is live.
  if (place === null) {
    const isEmpty = programme.home.window.length === 0 && (await earliest(past, host)) === null;
    return isEmpty ? refusal(404, "nothing is kept of this mount", past, host) : programme;
  }
  if (place.segment.startMs > moment.atMs) {
    const earliestMs = await earliest(past, host);
    if (earliestMs !== null && moment.atMs < earliestMs) {
      return refusal(404, "that moment is not kept", past, host);
    }
  }
  return from(place, { past, home }, programme, burst, host);
}

/** Those who take the mount over take nobody who is in the past; what it falls back to is there when the past is over. */
async function from(
  place: PastPlace,
  { past, home }: { readonly past: Past; readonly home: MountFeed },
  programme: Programme,
  burst: Burst,
  host: Host,
): Promise<Programme> {
  const { stages, rules, first } = programme;
  const title = await settledWithin(past.titleBefore(place.segment, host), firstLookMs);
  const now = (): number => clock.now();
  const leadMs = leadOf(burst, place);
  const stage = ShiftedStage.rewound(place, title ?? null, { feed: home, past, leadMs, now });
  return {
    ...programme,
    stages: [stage, ...stages.slice(first + 1)],
    rules: rules.slice(first),
    first: 0,
    intro: null,
    from: () => place,
  };
}

/** Mounts are delayed, whatever they fall back to as well; where nothing was there is silence. */
function delayed({ delayMs }: Moment & { kind: "delay" }, programme: Programme, burst: Burst): Programme {
  const { stages, rules, first } = programme;
  const leadMs = leadOf(burst, null);
  const shifted = stages.map((stage) =>
    stage instanceof MountFeed ? delayedStage(stage.mount, delayMs, leadMs) : stage,
  );
  const home = shifted[first];
  return {
    ...programme,
    stages: [...shifted, silenceStage],
    // The clock says what is heard, so everybody goes back when it is there.
    rules: [...rules, { returns: true, mustReturn: false }].map((rule) => ({ ...rule, returns: true })),
    intro: null,
    from: () => (home instanceof ShiftedStage ? home.place : null),
  };
}

const stages = new Map<string, ShiftedStage>();

/** This isolate's. */
function delayedStage(mount: MountFeed["mount"], delayMs: number, leadMs: number): Stage {
  const name = `${delayMs} ${leadMs} ${mount}`;
  const known = stages.get(name);
  if (known && known.idleMs < idleStageMs) return known;
  for (const [other, stage] of stages) {
    if (stage.idleMs >= idleStageMs) stages.delete(other);
  }
  const feed = feedOf(mount);
  const begunMs = clock.now();
  const wallMs = Date.now();
  const now = (): number => wallMs + clock.now() - begunMs;
  const past = new Past(feed, archive);
  const stage = new ShiftedStage({ kind: "delay", delayMs }, { feed, past, leadMs, now });
  if (stages.size < delayedStages) stages.set(name, stage);
  return stage;
}

/** What listeners have in hand: as much as live ones get at once, whole seconds so that they share a stage. */
function leadOf({ behindMs, leastBytes }: Burst, place: PastPlace | null): number {
  // Of a segment that is not known yet: 128 kb/s.
  const bytesPerMs = place ? place.segment.bytes / msOf(place) : 16;
  const ms = Math.max(leastLeadMs, behindMs, leastBytes / bytesPerMs);
  return Math.min(longestLeadMs, Math.ceil(ms / 1000) * 1000);
}

const msOf = ({ segment }: PastPlace): number => (segment.samples * 1000) / segment.sampleRate;

/** As the archives said lately, for those who ask for what is not there again and again. */
const earliestKnown = new Map<string, { readonly ms: number | null; readonly askedMs: number }>();

async function earliest(past: Past, host: Host): Promise<number | null> {
  const { mount } = past;
  const known = earliestKnown.get(mount);
  if (known && clock.now() - known.askedMs < earliestAgeMs) return known.ms;
  const ms = await settledWithin(past.earliestMs(host), firstLookMs);
  if (ms === undefined) return known?.ms ?? null;
  if (earliestKnown.size >= earliestMounts) earliestKnown.clear();
  earliestKnown.set(mount, { ms, askedMs: clock.now() });
  return ms;
}

function notKept(moment: Moment | BadMoment, programme: Programme): Programme | Response {
  if (moment.kind === "delay" && moment.delayMs === 0) return programme;
  const isBad = moment.kind === "bad";
  const reason = isBad ? moment.reason : "nothing is kept of this mount";
  return new Response(`${reason}\n`, { status: isBad ? 400 : 404, headers: replyHeaders(textType) });
}

const textType = "text/plain; charset=utf-8";

/** `reason`, and the earliest moment that there is. */
async function refusal(status: 400 | 404, reason: string, past: Past, host: Host): Promise<Response> {
  const earliestMs = await earliest(past, host);
  const known = earliestMs === null ? "" : `The earliest moment is ${new Date(earliestMs).toISOString()}\n`;
  return new Response(`${reason}\n${known}`, { status, headers: replyHeaders(textType) });
}
