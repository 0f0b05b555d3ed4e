import { z } from "zod";

/**
 * What the edge knows of the station, as the JSON value of its `STATION` variable. Nothing secret: the ingest token
 * is a variable of its own. Every field has a default, so a worker deployed without it still serves.
 */
export const edgeStationSchema = z.object({
  name: z.string().default("Skywave"),
  description: z.string().default(""),
  /** Free text, as `location` and `admin` in an Icecast configuration; they appear in /status-json.xsl. */
  location: z.string().default("Earth"),
  admin: z.string().default("icemaster@localhost"),
  /** Public host name, used where a request does not tell it. */
  hostname: z.string().default("localhost"),
  /** How far behind live a listener joins, ms. */
  burstMs: z.number().int().min(0).max(60_000).default(4_000),
  /** Target duration of a segment as the ingest cuts it, ms: bounds how long the edge waits before it calls a source silent. */
  segmentMs: z.number().int().min(500).max(10_000).default(2_000),
  /** How long listeners are kept when a source goes, ms. */
  graceMs: z.number().int().min(0).max(600_000).default(15_000),
  /** ICY metadata interval, bytes. */
  metaint: z.number().int().min(256).max(1_048_576).default(16_000),
  /** Listeners of one mount; absent means unlimited. */
  maxListeners: z.number().int().min(0).optional(),
  /** Per-mount overrides, by mount path. */
  mounts: z.record(z.string(), z.object({ maxListeners: z.number().int().min(0).optional() })).default({}),
  /** Where sources connect, for the encoder settings on the status page: "radio.example:8000". */
  ingestHost: z.string().optional(),
  shoutcastPort: z.number().int().optional(),
});
export type EdgeStation = z.infer<typeof edgeStationSchema>;
