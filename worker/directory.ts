import type { MountPath } from "../shared/units.ts";
import type { DirectoryReply, DirectorySettings, FallbackOverrides } from "./directory-object.ts";
import { type EdgeSecrets, edgeSecretsSchema, noSecrets } from "../shared/edge-secrets.ts";
import { type EdgeStation, edgeStationSchema, type MountRules } from "../shared/edge-station.ts";
import { EventRing } from "../shared/event-ring.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import type { StationEvent } from "../shared/station-events.ts";
import type { Env } from "./env.ts";
import { directoryAgeMs, mountCallTimeoutMs, ringEvents, stationAgeMs, unknownMountMs } from "./limits.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { maxKnownMounts } from "./known-mounts.ts";
import { libraryStatuses } from "./library/library-statuses.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";
import { deployedStation, libraryOf } from "./station.ts";

/** The station has one directory. */
export const directoryName = "station";

/** The directory as an isolate knows it. */
export interface DirectoryListing
  extends Pick<DirectoryReply, "startedMs" | "mounts" | "known" | "settingsVersion" | "secretsVersion">,
    DirectorySettings {
  readonly secrets: EdgeSecrets | null;
}

/** What happened until a listing. */
export interface FollowedListing extends DirectoryListing {
  readonly epoch: number;
  /** Shared: it goes on with the next listing. */
  readonly events: EventRing<StationEvent>;
}

/**
 * The directory as this isolate knows it: one call for all that ask in the same second. Status pages poll, and anybody
 * can ask for mounts that never were; neither may become a call to the one object each time.
 */
let listing: { readonly value: DirectoryListing; readonly atMs: number } | undefined;
/** Mounts once known stay known for a long time. */
const known = new Set<MountPath>();
let question: { readonly done: Promise<unknown>; readonly sinceMs: number } | undefined;

/** Those of this isolate who follow what happens. */
let followers = 0;

/** What happens is asked for as well, with the listings, until the function that is returned is called. */
export function followEvents(): () => void {
  followers++;
  let following = true;
  return () => {
    if (following) followers--;
    following = false;
  };
}

/** For who follows it: what is on air, and what happened until then. Rejects when the directory cannot be asked. */
export async function followedListing(host: Host): Promise<FollowedListing> {
  for (let tries = 0; ; tries++) {
    const isFollowed = events !== undefined && events.until === listing?.value;
    const value = await read(host, isFollowed ? directoryAgeMs : unknownMountMs);
    if (events?.until === value) return { ...value, epoch: events.epoch, events: events.ring };
    // Asked for by somebody else a moment ago, without what happened.
    if (tries === followTries) throw new Error("the directory does not tell what happened");
    await scheduler.wait(unknownMountMs);
  }
}

const followTries = 8;

/** What happened until the listing. */
let events:
  | { readonly epoch: number; readonly ring: EventRing<StationEvent>; readonly until: DirectoryListing }
  | undefined;

/** What is on air, at most `directoryAgeMs` old. Rejects when the directory cannot be asked and never could. */
export async function directoryListing(host: Host): Promise<DirectoryListing> {
  const value = await read(host, directoryAgeMs);
  const libraries = await libraryStatuses(knownStation(host.env), host);
  return libraries.length === 0 ? value : withLibraries(value, libraries);
}

/** The directory does not know of mounts where the edge plays a library: they have no object that tells it. */
function withLibraries(value: DirectoryListing, libraries: readonly MountStatus[]): DirectoryListing {
  const played = new Set(libraries.map(({ mount }) => mount));
  const mounts = [...value.mounts.filter(({ mount }) => !played.has(mount)), ...libraries];
  return { ...value, mounts: mounts.toSorted((a, b) => (a.mount < b.mount ? -1 : 1)) };
}

/** A claim that went through this isolate: its listeners may come at once. */
export function noteKnownMount(mount: MountPath): void {
  known.add(mount);
}

/** Whether a source ever had the mount, or a library plays there. One that has just got it is known within `unknownMountMs`. */
export async function isKnownMount(mount: MountPath, host: Host): Promise<boolean> {
  const isKnown = (): boolean => known.has(mount) || libraryOf(knownStation(host.env), mount) !== undefined;
  if (!isKnown()) await read(host, unknownMountMs);
  return isKnown();
}

/**
 * The station's settings: what an ingest host told, else what the worker was deployed with. At most `stationAgeMs` old
 * for whoever comes new, and at once: an older answer is used while a newer one is asked for.
 */
export async function stationOf(host: Host): Promise<EdgeStation> {
  await askedForSettings(host);
  return knownStation(host.env);
}

/** Who may do what, as old as the settings. Rejects when nobody has told it and the directory cannot be asked. */
export async function secretsOf(host: Host): Promise<EdgeSecrets> {
  await askedForSettings(host);
  // Nobody is refused for ever, or let in, because the directory could not be asked.
  const { secrets, secretsVersion: version } = listing?.value ?? (await read(host, stationAgeMs));
  if (!secrets) return noSecrets;
  // Stored by another release: what does not parse lets nobody in.
  if (parsedSecrets?.version !== version)
    parsedSecrets = { version, secrets: edgeSecretsSchema.parse(secrets) };
  return parsedSecrets.secrets;
}

let parsedSecrets: { readonly version: string; readonly secrets: EdgeSecrets } | undefined;

/** The station with what administrators have said since. */
function withOverrides(station: EdgeStation, fallbacks: FallbackOverrides): EdgeStation {
  const overrides = Object.entries(fallbacks).map(([mount, other]): [string, MountRules] => [
    mount,
    { ...station.mounts[mount], fallback: { kind: "mount", mount: other } },
  ]);
  if (overrides.length === 0) return station;
  return { ...station, mounts: { ...station.mounts, ...Object.fromEntries(overrides) } };
}

async function askedForSettings(host: Host): Promise<void> {
  const ageMs = listing ? msSince(listing.atMs) : Number.POSITIVE_INFINITY;
  const asked = ageMs < stationAgeMs ? undefined : read(host, stationAgeMs).catch(() => undefined);
  if (!listing) await asked;
}

/** The same without asking anybody: for those who listen already. */
export function knownStation(env: Pick<Env, "STATION">): EdgeStation {
  const told = listing?.value;
  if (!told) return deployedStation(env);
  if (parsed?.version !== told.settingsVersion) {
    // Stored by another release, which may not have known a setting.
    const result = told.station ? edgeStationSchema.safeParse(told.station) : null;
    const station = result?.success ? result.data : deployedStation(env);
    parsed = { version: told.settingsVersion, station: withOverrides(station, told.fallbacks) };
  }
  return parsed.station;
}

let parsed: { readonly version: string; readonly station: EdgeStation } | undefined;

/** Settings were told through this isolate. */
export function forgetStation(): void {
  forgotten = listing?.value ?? forgotten;
  listing = undefined;
}

/** What of it is still so need not be told again. */
let forgotten: DirectoryListing | undefined;

async function read(host: Host, maxAgeMs: number): Promise<DirectoryListing> {
  for (;;) {
    if (listing && msSince(listing.atMs) < maxAgeMs) return listing.value;
    const leftMs = question ? mountCallTimeoutMs - msSince(question.sinceMs) : 0;
    if (!question || leftMs <= 0) break;
    const standing = question;
    await settledWithin(standing.done, leftMs);
    // Its request has ended: the first to notice asks, the others wait for that.
    if (question === standing) break;
  }
  const sinceMs = Date.now();
  // Kept and cleared by the work itself: the request that asks may end before it comes back here.
  const done = ask(host.env).finally(() => {
    if (question?.done === done) question = undefined;
  });
  question = { done, sinceMs };
  host.keepAlive(done.catch(() => undefined));
  return done;
}

async function ask(env: Env): Promise<DirectoryListing> {
  isolateAsked.directoryCalls++;
  try {
    const before = listing?.value ?? forgotten;
    const reply = await env.DIRECTORY.getByName(directoryName).list({
      ...(before && { settings: before.settingsVersion, secrets: before.secretsVersion }),
      ...(followers > 0 && {
        events: events ? { epoch: events.epoch, sequence: events.ring.last } : null,
      }),
    });
    const { events: fresh, settings = before, secrets = before?.secrets, ...rest } = reply;
    if (!settings || secrets === undefined) throw new Error("the directory does not tell the settings");
    const { station, fallbacks } = settings;
    const value = { ...rest, station, secrets, fallbacks };
    if (fresh) {
      const ring = events?.epoch === fresh.epoch ? events.ring : new EventRing<StationEvent>(ringEvents);
      ring.take(fresh);
      events = { epoch: fresh.epoch, ring, until: value };
    }
    listing = { value, atMs: Date.now() };
    if (known.size > 2 * maxKnownMounts) known.clear();
    for (const mount of value.known) known.add(mount);
    return value;
  } catch (error) {
    console.warn("directory call failed", String(error));
    if (listing) return listing.value;
    throw error;
  }
}
