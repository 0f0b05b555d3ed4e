import { z } from "zod";
import { libraryNamePattern } from "./library.ts";
import type { MountPath } from "./units.ts";

const listenersSchema = z.number().int().min(0);

/** An MP3 file kept in storage: `shared/stored-file.ts` says how. */
const storedFileSchema = z.object({
  /** Name of its objects, from its content. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** What listeners see as its title. */
  title: z.string().max(1024),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

/** What plays when a mount has no source: another mount, a file in a loop, silence. */
const fallbackSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("mount"), mount: z.string().transform((value) => value as MountPath) }),
  z.object({ kind: z.literal("file"), file: storedFileSchema }),
  z.object({ kind: z.literal("silence") }),
]);
export type Fallback = z.infer<typeof fallbackSchema>;

/** A header for replies, as `http-headers` in an Icecast configuration. */
const replyHeaderSchema = z.object({
  name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/),
  value: z.string().regex(/^[^\r\n\0]{0,1024}$/),
  /** Only on replies with this status. */
  status: z.number().int().min(100).max(599).optional(),
});
export type ReplyHeader = z.infer<typeof replyHeaderSchema>;

/** What the station says of a stream, whatever its source says. */
const streamInfoSchema = z.object({
  name: z.string().max(1024).optional(),
  description: z.string().max(1024).optional(),
  url: z.string().max(1024).optional(),
  genre: z.string().max(1024).optional(),
  bitrate: z.string().max(16).optional(),
  /** Its content type in statistics and directories; listeners are sent what it is. */
  type: z.string().max(128).optional(),
  subtype: z.string().max(128).optional(),
});
export type StreamInfo = z.infer<typeof streamInfoSchema>;

/** Rules of a mount; keys of `mounts` may be patterns (`mount-pattern.ts`), so every field that is absent is not said. */
const mountRulesSchema = z.object({
  maxListeners: listenersSchema.optional(),
  maxListenerMs: z.number().int().min(1_000).optional(),
  fallback: fallbackSchema.optional(),
  /**
   * Who leaves the fallback when the source is back. own: those who came from this mount. all: those who chose the
   * fallback mount themselves as well. none: nobody.
   */
  fallbackOverride: z.enum(["none", "own", "all"]).optional(),
  /** Whether one listener too many gets the fallback and not a refusal. */
  fallbackWhenFull: z.boolean().optional(),
  /** Played once to each listener before anything else. */
  intro: storedFileSchema.optional(),
  /** Whether it is there for players of HTTP Live Streaming as well; absent: it is. */
  hls: z.boolean().optional(),
  /** Not listed anywhere but for administrators. */
  hidden: z.boolean().optional(),
  /** Whether directories may list it, whatever the source says. */
  public: z.boolean().optional(),
  /** Nobody may ask for it: it is there as a fallback of others. */
  noMount: z.boolean().optional(),
  /** ICY metadata interval, bytes; 0: no metadata. */
  metaint: z.number().int().min(0).max(1_048_576).optional(),
  /** Encoding of titles towards listeners: a label of the Encoding Standard; UTF-8 where it is absent. */
  charset: z.string().max(40).optional(),
  /** How far behind live a listener joins: ms, or bytes of audio at least. */
  burstMs: z.number().int().min(0).max(60_000).optional(),
  burstBytes: z.number().int().min(0).max(16_777_216).optional(),
  headers: z.array(replyHeaderSchema).max(64).optional(),
  stream: streamInfoSchema.optional(),
  /** Whether what it sends is kept; absent: it is. */
  archive: z.boolean().optional(),
  /** For how long, ms, and how much of it, bytes; 0 or absent: for ever, all. */
  retentionMs: z.number().int().min(0).optional(),
  retentionBytes: z.number().int().min(0).optional(),
  /** What its recordings are called: `broadcast-name.ts`. */
  archiveName: z.string().max(256).optional(),
  /** Of those names, and of the archive's pages: IANA name; the station's where it is absent. */
  archiveTimeZone: z.string().max(64).optional(),
  /** Whether its recordings are published as a podcast. */
  podcast: z.boolean().optional(),
  /** The edge plays it, from a library in storage. */
  autodj: z.object({ library: z.string().regex(libraryNamePattern) }).optional(),
});
export type MountRules = z.infer<typeof mountRulesSchema>;

/**
 * What the edge knows of the station: pushed by the ingest host that has the station file, until then the JSON value of
 * the `STATION` variable. Nothing secret: the ingest token is a variable of its own. Every field has a default, so a
 * worker deployed without it still serves.
 */
export const edgeStationSchema = z.object({
  name: z.string().default("Skywave"),
  description: z.string().default(""),
  /** Free text, as `location` and `admin` in an Icecast configuration; they appear in /status-json.xsl. */
  location: z.string().default("Earth"),
  admin: z.string().default("icemaster@localhost"),
  /** Public host name, used where a request does not tell it. */
  hostname: z.string().default("localhost"),
  /** IANA name. */
  timeZone: z.string().max(64).default("UTC"),
  /** How far behind live a listener joins, ms. */
  burstMs: z.number().int().min(0).max(60_000).default(4_000),
  /** Target duration of a segment as the ingest cuts it, ms: bounds how long the edge waits before it calls a source silent. */
  segmentMs: z.number().int().min(500).max(10_000).default(2_000),
  /** How long listeners are kept when a source goes, ms. */
  graceMs: z.number().int().min(0).max(600_000).default(15_000),
  /** ICY metadata interval, bytes. */
  metaint: z.number().int().min(256).max(1_048_576).default(16_000),
  /** Listeners of one mount; absent means unlimited. */
  maxListeners: listenersSchema.optional(),
  /** Listeners of the whole station; absent means unlimited. */
  maxListenersInAll: listenersSchema.optional(),
  /** Listeners from one address, in one runtime; absent means unlimited. */
  maxListenersPerAddress: listenersSchema.optional(),
  /** How long a listener may stay, ms; absent means for ever. */
  maxListenerMs: z.number().int().min(1_000).optional(),
  /** On every reply to a listener. */
  headers: z.array(replyHeaderSchema).max(64).default([]),
  /** Paths that stand for others, the first that fits counts; one with a `port` only on that port of an ingest host. */
  aliases: z
    .array(
      z.object({
        source: z.string().max(1024),
        destination: z.string().max(1024),
        port: z.number().int().optional(),
      }),
    )
    .max(256)
    .default([]),
  /** What the server calls itself in statistics; tools look for "Icecast" there. */
  serverId: z.string().max(256).default("Icecast 2.4.4"),
  /** Whether each listener's address, player and request are kept for the access log when it has left. */
  accessLog: z.boolean().default(false),
  /** Per-mount rules, by mount path or pattern: `settingsOfMount` in `mount-pattern.ts` reads them. */
  mounts: z.record(z.string(), mountRulesSchema).default({}),
  /** Where sources connect, for the encoder settings on the status page: "radio.example:8000". */
  ingestHost: z.string().optional(),
  shoutcastPort: z.number().int().optional(),
});
export type EdgeStation = z.infer<typeof edgeStationSchema>;
