import { z } from "zod";

/**
 * A library: music in storage that the edge plays by the clock alone, format version 1. Tracks are stored files
 * (`stored-file.ts`), levelled and trimmed before they were cut; what is here says which of them play, and when.
 *
 * `library/v1/<name>/<edition>.json`: `LibraryEdition`, never changed once it is there.
 * `library/v1/<name>/current.json`: `CurrentEditions`, small, read by every isolate once a minute. A new edition is put first,
 * then named here with a `fromMs` that is at least `editionLeadMs` in the future, so that all know it before it plays. The
 * editions before it stay named, and stored, for as long as listeners may hear them (`editionKeepMs` after the next one's
 * `fromMs`); those that are over may be dropped.
 *
 * Order of writing: the tracks' segments, the tracks' indexes, the edition, `current.json`.
 */

/** How long before its `fromMs` an edition is named in `current.json`: two readings of it, and the time for a slow one. */
export const editionLeadMs = 150_000;

/** How long after the next one's `fromMs` an edition stays named: who pauses or is slow is at most so far behind. */
export const editionKeepMs = 600_000;

/** A library's name, as in settings and keys. */
export const libraryNamePattern = /^[\w-]{1,64}$/;

const rateSchema = z.number().int().min(8_000).max(48_000);
const channelsSchema = z.union([z.literal(1), z.literal(2)]);
const orderSchema = z.enum(["random", "sequential"]);
/** Of `tracks` of the edition. */
const indexesSchema = z.array(z.number().int().min(0)).min(1).max(20_000);

/** A part of the week in a time zone; `DjSlot` of the station file. */
const slotSchema = z.object({
  /** 1: Monday, 7: Sunday; the days on which it begins. */
  days: z.array(z.number().int().min(1).max(7)).min(1),
  /** Minutes since midnight; `to` at or before `from` is on the next day. */
  from: z.number().int().min(0).max(1439),
  to: z.number().int().min(0).max(1439),
  /** IANA name. */
  timeZone: z.string().min(1).max(64),
});
export type LibrarySlot = z.infer<typeof slotSchema>;

const trackSchema = z.object({
  /** The stored file's. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  title: z.string().max(1024),
  /** Of the whole file: the sum of its index's. At least a frame. */
  samples: z.number().int().min(576),
  /** Where they are not the edition's. */
  sampleRate: rateSchema.optional(),
  channels: channelsSchema.optional(),
  /** How often it plays in a round of its rotation; absent: once. */
  weight: z.number().int().min(1).max(100).optional(),
});
export type LibraryTrack = z.infer<typeof trackSchema>;

const rotationSchema = z.object({
  order: orderSchema,
  /** In random order a track does not come again until so many others have played; less where there are few tracks. */
  memory: z.number().int().min(0).max(20_000).default(50),
  tracks: indexesSchema,
  /** When it plays; absent: whenever no rotation before it does. */
  times: z.array(slotSchema).min(1).max(64).optional(),
});

export const libraryEditionSchema = z
  .object({
    version: z.literal(1),
    /** Of the random order. Another edition with the same seed and tracks plays in the same order. */
    seed: z.number().int().min(0).max(0xffff_ffff),
    /** Of all tracks that do not say otherwise. */
    sampleRate: rateSchema,
    channels: channelsSchema,
    /** Kilobits per second, for people and `icy-br`; absent: as measured. */
    bitrateKbps: z.number().int().min(8).max(640).optional(),
    /** Each stored file once, music and jingles. */
    tracks: z.array(trackSchema).min(1).max(20_000),
    /** The first whose times hold plays. When none does, the last. */
    rotations: z.array(rotationSchema).min(1).max(64),
    jingles: z
      .object({
        /** One after so many tracks. */
        everyTracks: z.number().int().min(1).max(10_000),
        order: orderSchema,
        tracks: indexesSchema,
      })
      .optional(),
  })
  .refine(
    ({ tracks, rotations, jingles }) =>
      [...rotations, ...(jingles ? [jingles] : [])].every((list) =>
        list.tracks.every((index) => index < tracks.length),
      ),
    "names a track that it does not have",
  );
export type LibraryEdition = z.infer<typeof libraryEditionSchema>;

/** Names an edition's object; the uploader's to choose, another for another content. */
const editionIdSchema = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/);

export const currentEditionsSchema = z
  .object({
    version: z.literal(1),
    /** By `fromMs`, each later than the one before. */
    editions: z
      .array(z.object({ id: editionIdSchema, fromMs: z.number().int().min(0) }))
      .min(1)
      .max(64),
  })
  .refine(
    ({ editions }) => editions.every(({ fromMs }, index) => fromMs > (editions[index - 1]?.fromMs ?? -1)),
    "has editions that are not in order",
  );
export type CurrentEditions = z.infer<typeof currentEditionsSchema>;

const libraryPrefix = (name: string): string => `library/v1/${name}/`;

export const currentEditionsKey = (name: string): string => `${libraryPrefix(name)}current.json`;

export const libraryEditionKey = (name: string, edition: string): string =>
  `${libraryPrefix(name)}${edition}.json`;
