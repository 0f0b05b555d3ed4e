import { z } from "zod";
import { type EdgeSecrets, edgeSecretsSchema } from "./edge-secrets.ts";
import { type EdgeStation, edgeStationSchema } from "./edge-station.ts";
import type { MountPolicy, Takeover } from "./mount-state.ts";
import type { SourceOrder } from "./orders.ts";
import type { SegmentRef } from "./segment.ts";
import type { SourceInfo } from "./source/source-info.ts";
import type { Epoch, Millis, MountPath, SampleCount, Sequence } from "./units.ts";

/**
 * The calls an ingest host makes to the edge, version 1: JSON over `POST /api/ingest/v1/<call>` with
 * `Authorization: Bearer <ingest token>`. Both sides parse with these schemas.
 *
 * | call     | 200            | other answers                                                |
 * |----------|----------------|--------------------------------------------------------------|
 * | claim    | ClaimReply     | 409 `mount-in-use`: another source has the mount             |
 * | announce | HoldReply      | 410 `fenced`: a newer epoch exists, stop sending             |
 * | renew    | HoldReply      | 410 `fenced`                                                 |
 * | release  | `{}`           | 410 `fenced`                                                 |
 * | station  | `{}`           |                                                              |
 * | statistics | Statistics   |                                                              |
 * | records  | RecordsReply   |                                                              |
 *
 * 401 with a wrong token, 400 with a body that does not parse, 413 with one that is too large. Errors are `{ error, message }`.
 */
export const ingestApiPrefix = "/api/ingest/v1";

const mount = z
  .string()
  .max(256)
  .regex(/^\//)
  .transform((value) => value as MountPath);
const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const epochSchema = natural.min(1).transform((value) => value as Epoch);

export const sourceInfoSchema = z.object({
  name: z.string().max(1024).optional(),
  description: z.string().max(1024).optional(),
  genre: z.string().max(1024).optional(),
  url: z.string().max(1024).optional(),
  public: z.boolean().optional(),
  bitrate: z.string().max(16).optional(),
  audioInfo: z.string().max(1024).optional(),
  contentType: z.string().max(128),
  userAgent: z.string().max(1024).optional(),
  ip: z.string().max(64),
  protocol: z.string().max(16),
});

export const segmentRefSchema = z.object({
  epoch: epochSchema,
  sequence: natural.transform((value) => value as Sequence),
  startMs: natural.transform((value) => value as Millis),
  firstSample: natural.transform((value) => value as SampleCount),
  samples: natural.min(1).transform((value) => value as SampleCount),
  sampleRate: z.number().int().min(8000).max(192_000),
  bytes: natural.min(1),
  channels: z.union([z.literal(1), z.literal(2)]).optional(),
  titles: z
    .array(
      z.object({
        atSample: natural.transform((value) => value as SampleCount),
        text: z.string().max(4096),
        url: z.string().max(1024).optional(),
      }),
    )
    .max(64),
});

export const claimSchema = z.object({
  mount,
  /** Identity of the ingest host, kept over restarts: the same host may take its own mount again at once. */
  ingest: z.string().min(1).max(64),
  /** Another one each time the host's ingest is started; absent from one of an earlier release. */
  process: z.string().max(64).optional(),
  source: sourceInfoSchema,
  /** Equal for the same login to this mount, whatever the ingest host; tells nothing of the password. */
  credential: z.string().min(1).max(64),
  takeover: z.enum(["same-credentials", "always", "never"]),
  policy: z.object({
    segmentMs: z.number().int().min(100).max(60_000),
    graceMs: z.number().int().min(0).max(3_600_000),
  }),
});
/** `gapMs`: for how long listeners who were there have had nothing new; null when nobody can be waiting. */
export const claimReplySchema = z.object({ epoch: epochSchema, gapMs: z.number().nonnegative().nullable() });
export const announceSchema = z.object({
  mount,
  segment: segmentRefSchema,
  ordersDone: natural.optional(),
});
/** The source has gone. */
export const holdSchema = z.object({ mount, epoch: epochSchema });
/** The source is connected though no segment came, or has sent more of what is no audio. */
export const renewSchema = holdSchema.extend({
  /** Bytes since it connected that were neither frames nor tags; an ingest host of an earlier release does not say. */
  garbageBytes: natural.optional(),
  ordersDone: natural.optional(),
});
/**
 * What the mount tells its source's ingest host. Orders come again until a call names the newest of them as `ordersDone`.
 */
export const holdReplySchema = z.object({
  orders: z
    .array(
      z.object({
        sequence: natural,
        kind: z.literal("title"),
        title: z.object({ text: z.string().max(4096), url: z.string().max(1024).optional() }),
      }),
    )
    .default([]),
  /** Listeners of the mount now; an edge of an earlier release does not say. */
  listeners: natural.optional(),
});
/** The station's settings for its listeners, as its station file has them: they replace those that the edge was deployed with. */
export const stationCallSchema = z.object({
  station: edgeStationSchema,
  /** Absent from an ingest host of an earlier release. */
  secrets: edgeSecretsSchema.optional(),
});
const statisticsFields = z.record(z.string().max(256), z.string().max(8192));
/** Every field of Icecast's `/admin/stats`, hidden mounts included: the station's, and those of each mount. */
export const statisticsSchema = z.object({
  global: statisticsFields,
  sources: z.record(z.string(), statisticsFields),
});

/** Those up to `after` are in the access log and may be forgotten. */
export const recordsCallSchema = z.object({ after: natural });
const sessionRecordSchema = z.object({
  sequence: natural,
  id: natural,
  mount,
  address: z.string().max(64).nullable(),
  userAgent: z.string().max(4096),
  referer: z.string().max(4096),
  country: z.string().max(8).nullable(),
  user: z.string().max(256).nullable(),
  request: z.string().max(8192),
  startedMs: natural.transform((value) => value as Millis),
  endedMs: natural.transform((value) => value as Millis),
  bytesSent: natural,
});
/** In order of `sequence`; none when all have been told. */
export const recordsReplySchema = z.object({
  records: z.array(sessionRecordSchema).max(10_000),
  /** Those that nobody fetched in time, since the station was set up. */
  dropped: natural.optional(),
});
export const edgeErrorSchema = z.object({ error: z.string(), message: z.string() });

export type Statistics = z.infer<typeof statisticsSchema>;
export type NumberedRecord = z.infer<typeof sessionRecordSchema>;
export interface Claim {
  readonly mount: MountPath;
  readonly ingest: string;
  readonly process?: string | undefined;
  readonly source: SourceInfo;
  readonly credential: string;
  readonly takeover: Takeover;
  readonly policy: MountPolicy;
}
export interface Announcement {
  readonly mount: MountPath;
  readonly segment: SegmentRef;
  /** The newest order that was carried out, `orders.ts`. */
  readonly ordersDone?: number | undefined;
}
export interface Hold {
  readonly mount: MountPath;
  readonly epoch: Epoch;
}
export interface Renewal extends Hold {
  readonly garbageBytes?: number | undefined;
  readonly ordersDone?: number | undefined;
}
export interface HoldReply {
  readonly orders: readonly SourceOrder[];
  readonly listeners?: number | undefined;
}
export interface StationCall {
  readonly station: EdgeStation;
  readonly secrets?: EdgeSecrets | undefined;
}
