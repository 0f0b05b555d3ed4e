import type { MountPath } from "../shared/units.ts";
import type { DirectoryListing } from "./directory-object.ts";
import { type EdgeSecrets, edgeSecretsSchema, noSecrets } from "../shared/edge-secrets.ts";
import { type EdgeStation, edgeStationSchema } from "../shared/edge-station.ts";
import type { Env } from "./env.ts";
import { directoryAgeMs, mountCallTimeoutMs, stationAgeMs, unknownMountMs } from "./limits.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { maxKnownMounts } from "./known-mounts.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";
import { deployedStation } from "./station.ts";

/** The station has one directory. */
export const directoryName = "station";

/**
 * The directory as this isolate knows it: one call for all that ask in the same second. Status pages poll, and anybody
 * can ask for mounts that never were; neither may become a call to the one object each time.
 */
let listing: { readonly value: DirectoryListing; readonly atMs: number } | undefined;
/** Mounts once known stay known for a long time. */
const known = new Set<MountPath>();
let question: { readonly done: Promise<unknown>; readonly sinceMs: number } | undefined;

/** What is on air, at most `directoryAgeMs` old. Rejects when the directory cannot be asked and never could. */
export const directoryListing = (host: Host): Promise<DirectoryListing> => read(host, directoryAgeMs);

/** A claim that went through this isolate: its listeners may come at once. */
export function noteKnownMount(mount: MountPath): void {
  known.add(mount);
}

/** Whether a source ever had the mount. One that has just got it is known within `unknownMountMs`. */
export async function isKnownMount(mount: MountPath, host: Host): Promise<boolean> {
  if (!known.has(mount)) await read(host, unknownMountMs);
  return known.has(mount);
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
  const told = (listing?.value ?? (await read(host, stationAgeMs))).secrets;
  if (!told) return noSecrets;
  if (parsedSecrets?.told !== told) {
    // Stored by another release: what does not parse lets nobody in.
    parsedSecrets = { told, secrets: edgeSecretsSchema.parse(told) };
  }
  return parsedSecrets.secrets;
}

let parsedSecrets: { readonly told: EdgeSecrets; readonly secrets: EdgeSecrets } | undefined;

async function askedForSettings(host: Host): Promise<void> {
  const ageMs = listing ? msSince(listing.atMs) : Number.POSITIVE_INFINITY;
  const asked = ageMs < stationAgeMs ? undefined : read(host, stationAgeMs).catch(() => undefined);
  if (!listing) await asked;
}

/** The same without asking anybody: for those who listen already. */
export function knownStation(env: Pick<Env, "STATION">): EdgeStation {
  const told = listing?.value.station;
  if (!told) return deployedStation(env);
  if (parsed?.told !== told) {
    // Stored by another release, which may not have known a setting.
    const result = edgeStationSchema.safeParse(told);
    parsed = { told, station: result.success ? result.data : deployedStation(env) };
  }
  return parsed.station;
}

let parsed: { readonly told: EdgeStation; readonly station: EdgeStation } | undefined;

/** Settings were told through this isolate. */
export function forgetStation(): void {
  listing = undefined;
}

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
    const value = await env.DIRECTORY.getByName(directoryName).list();
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
