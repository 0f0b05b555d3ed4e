import {
  type CurrentEditions,
  editionKeepMs,
  editionLeadMs,
  type LibraryEdition,
  type LibraryTrack,
} from "../../shared/library.ts";

/** A stored track as an edition is made of it. */
export interface EditionTrack extends Required<Pick<LibraryTrack, "id" | "title" | "samples">> {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  /** 1: as often as any other. */
  readonly weight: number;
}

interface EditionRules {
  readonly order: "random" | "sequential";
  readonly memory: number;
  /** A jingle after so many tracks. */
  readonly everyTracks: number;
}

export interface EditionContent {
  readonly seed: number;
  readonly format: { readonly sampleRate: number; readonly channels: 1 | 2 };
  /** Each stored file once, in the order in which they play where that is asked for. */
  readonly tracks: readonly EditionTrack[];
  /** One that is among the tracks as well plays as both. */
  readonly jingles: readonly EditionTrack[];
  readonly rules: EditionRules;
}

export function makeEdition({ seed, format, tracks, jingles, rules }: EditionContent): LibraryEdition {
  const all: LibraryTrack[] = [];
  const places = new Map<string, number>();
  const place = ({ id, title, samples, sampleRate, channels, weight }: EditionTrack): number => {
    const known = places.get(id);
    if (known !== undefined) return known;
    places.set(id, all.length);
    all.push({
      id,
      title,
      samples,
      ...(sampleRate === format.sampleRate ? {} : { sampleRate }),
      ...(channels === format.channels ? {} : { channels }),
      ...(weight === 1 ? {} : { weight }),
    });
    return all.length - 1;
  };
  const music = tracks.map(place);
  const between = jingles.map(place);
  return {
    version: 1,
    seed,
    ...format,
    tracks: all,
    rotations: [{ order: rules.order, memory: rules.memory, tracks: music }],
    ...(between.length === 0
      ? {}
      : { jingles: { everyTracks: rules.everyTracks, order: rules.order, tracks: between } }),
  };
}

/** Whether two editions play the same, whatever order their fields came in. */
export const playsTheSame = (a: LibraryEdition, b: LibraryEdition): boolean => canonical(a) === canonical(b);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );

/**
 * What `current.json` says once `id` is the newest edition: the first plays at once, another when everybody has read of it,
 * or at `borderFrom` of that moment: a later one, at which it cuts off less. Those that nobody hears any more, or ever will,
 * are left out. `now` is ms since the Unix epoch.
 */
export function withEdition(
  current: CurrentEditions | null,
  id: string,
  now: number,
  borderFrom = (ms: number): number => ms,
): CurrentEditions {
  const heard = stillHeard(current, now);
  const wantedMs = heard.length === 0 ? now : borderFrom(now + editionLeadMs);
  // Who has read of one that begins later will have read that it does not. The first may play already, whatever our clock says.
  const before = heard.filter(({ fromMs }, index) => index === 0 || fromMs < wantedMs);
  // Many within two minutes: what is about to play never will.
  const kept = before.slice(0, maxEditions - 1);
  const fromMs = Math.max(wantedMs, (kept.at(-1)?.fromMs ?? 0) + 1);
  return { version: 1, editions: [...kept, { id, fromMs }] };
}

/** The editions that somebody hears, or is going to. */
export function stillHeard(current: CurrentEditions | null, now: number): CurrentEditions["editions"] {
  const editions = current?.editions ?? [];
  return editions.filter((_, index) => {
    const next = editions[index + 1];
    return next === undefined || next.fromMs + editionKeepMs > now;
  });
}

/** As many as the format has room for. */
const maxEditions = 64;

/** An edition's name: when it was made, and what tells two of the same second apart. */
export const editionName = (now: number, digest: string): string =>
  `${new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, "")}-${digest.slice(0, 8)}`;
