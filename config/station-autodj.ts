import { z } from "zod";
import { libraryNamePattern } from "../shared/library.ts";
import { choice, flag, list, seconds, slot, table, text, timeZone, whole } from "./station-fields.ts";

/** Stations without a DJ: `[[autodj]]` of a station file. */

/** A folder, a list or a file, relative to the station file; or `storage:` and what keys of the bucket begin with. */
const place = () =>
  z
    .string({ error: "must be text" })
    .regex(/^[^\0\r\n]{1,4096}$/, { error: "must be the path of a folder or a list, or storage:PREFIX" })
    .superRefine((value, context) => {
      const problem = placeProblem(value);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    });

/** What keys of Skywave's own objects begin with: segments, chunks, epochs, stored files, libraries. */
const ownPrefixes = ["v1/", "a1/", "e1/", "file/", "library/"];

/** Why no music is played from a place; undefined when it may be. */
function placeProblem(value: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return "must be on this host or in storage, not at a URL";
  const [, prefix] = /^storage:(.*)$/s.exec(value) ?? [];
  if (prefix === undefined) return undefined;
  if (prefix === "") return 'must say what the keys begin with, such as "storage:music/"';
  const own = ownPrefixes.find((each) => each.startsWith(prefix) || prefix.startsWith(each));
  return own === undefined
    ? undefined
    : `must not begin with "${own}": the station keeps its own objects there`;
}

const places = () => {
  const error = "must be a list of folders, lists or storage:PREFIX";
  return z
    .array(place(), { error })
    .min(1, { error: "must name a folder, a list or storage:PREFIX" })
    .max(256, { error: "must have at most 256 entries" });
};

const order = () => choice("random", "sequential").default("random");
/** Tracks that a rotation remembers: over two days of songs. Their ids, some 100 kB, are written each time a track begins. */
export const mostMemory = 1000;
const memory = () => whole(0, mostMemory).default(50);
const times = () => list(slot(), 64).default([]);
const nameText = () => {
  const error = "must be text of 1 to 64 characters";
  return z.string({ error }).min(1, { error }).max(64, { error });
};

const rotation = table({
  name: nameText().optional(),
  music: places(),
  order: order(),
  memory: memory(),
  weight: whole(1, 1_000).default(1),
  times: times(),
});

const jingle = table({
  music: places(),
  order: order(),
  every_tracks: whole(1, 10_000).optional(),
  every_minutes: seconds(0.1, 10_080).optional(),
  times: times(),
}).superRefine(({ every_tracks, every_minutes }, context) => {
  if (every_tracks !== undefined || every_minutes !== undefined) return;
  context.addIssue({ code: "custom", message: "needs every_tracks or every_minutes" });
});

const loudness = () => {
  const error = "must be a number from -40 to -5, or false";
  return z.union([z.number().min(-40).max(-5), z.literal(false)], { error });
};

/** Hz. */
export const mp3Rates: readonly number[] = [
  8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];

const format = () => {
  const error = 'must be a sample rate of MP3 and "mono" or "stereo", such as "44100 stereo"';
  return z.string({ error }).refine((value) => parseFormat(value) !== undefined, { error });
};

/** Undefined where the text is none that MP3 has. */
export function parseFormat(
  value: string,
): { readonly sampleRate: number; readonly channels: 1 | 2 } | undefined {
  const [, rate, channels] = /^(\d{4,5}) (mono|stereo)$/.exec(value) ?? [];
  const sampleRate = Number(rate);
  return mp3Rates.includes(sampleRate) ? { sampleRate, channels: channels === "mono" ? 1 : 2 } : undefined;
}

/** ISO 11172-3 2.4.2.3, Layer III. */
export const bitrates: readonly number[] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

const bitrate = () => {
  const error = `must be one of ${bitrates.join(", ")}`;
  return z.number({ error }).refine((value) => bitrates.includes(value), { error });
};

/** The highest bitrate that a sample rate has: below 32 kHz it is MPEG-2 (ISO 13818-3 2.4.2.3), below 16 kHz 2.5. */
export const highestBitrate = (sampleRate: number): number =>
  sampleRate >= 32_000 ? 320 : sampleRate >= 16_000 ? 160 : 64;

const libraryName = () => {
  const error = "must be the name of a library: 1 to 64 letters, digits, - and _";
  return z.string({ error }).regex(libraryNamePattern, { error });
};

export const autodjTable = table({
  mount: text(),
  kind: choice("ingest", "edge").default("ingest"),
  music: places().optional(),
  order: order(),
  memory: memory(),
  rotation: list(rotation, 64).default([]),
  jingle: list(jingle, 64).default([]),
  library: libraryName().optional(),
  reload_seconds: seconds(1, 604_800).default(3600),
  name: text(1024).optional(),
  description: text(1024).optional(),
  genre: text(1024).optional(),
  url: text(1024).optional(),
  public: flag().optional(),
  loudness_lufs: loudness().default(-16),
  transcode: flag().default(true),
  format: format().optional(),
  bitrate_kbps: bitrate().default(192),
  time_zone: timeZone().optional(),
});
export type AutoDjTable = z.infer<typeof autodjTable>;
