import { z } from "@hono/zod-openapi";
import { roles } from "../../shared/edge-secrets.ts";
import { MountPathError, mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";

/** What the API takes and gives. All that comes in is bounded. */

const time = z.iso.datetime().openapi({ example: "2026-03-01T18:00:00.000Z" });
const count = z.int().min(0);

function toMountPath(path: string, context: z.RefinementCtx): MountPath {
  try {
    return mountPath(path);
  } catch (error) {
    if (!(error instanceof MountPathError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
}

const mountName = z.string().min(1).max(256).openapi({ example: "/live.mp3" });
const mountField = mountName.transform(toMountPath);

/** In a path: percent-encoded, without the slash it begins with. */
export const mountParams = z.object({
  mount: z
    .string()
    .min(1)
    .max(256)
    .transform((name, context) => toMountPath(name.startsWith("/") ? name : `/${name}`, context))
    .openapi({
      param: { name: "mount", in: "path" },
      type: "string",
      description: "The mount without its first slash; further ones as `%2F`.",
      example: "live.mp3",
    }),
});
export const broadcastParams = mountParams.extend({
  broadcast: z
    .string()
    .min(1)
    .max(1_024)
    .openapi({
      param: { name: "broadcast", in: "path" },
      description: "Its `name` in /archive.json.",
      example: "2026-11-21T20:00:00.mp3",
    }),
});
/** Nobody deletes a recording by a slip: its name is said twice. */
export const deleteBroadcastBody = z.strictObject({
  confirm: z.string().max(1_024).openapi({ description: "The recording's name once more." }),
});
export const listenerParams = mountParams.extend({
  listener: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .openapi({ param: { name: "listener", in: "path" }, type: "integer", example: 1234 }),
});
export const accountParams = mountParams.extend({
  name: z
    .string()
    .min(1)
    .max(128)
    .openapi({ param: { name: "name", in: "path" }, example: "ann" }),
});

export const hiddenQuery = z.object({
  hidden: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .openapi({
      param: { name: "hidden", in: "query" },
      type: "string",
      enum: ["true", "false"],
      description: "Hidden mounts too: needs a login that may look.",
    }),
});
const limitOf = (most: number, usual: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/)
    .default(String(usual))
    .transform(Number)
    .pipe(z.int().min(1).max(most))
    .openapi({
      param: { name: "limit", in: "query" },
      type: "integer",
      minimum: 1,
      maximum: most,
      default: usual,
    });
export const listenersQuery = z.object({ limit: limitOf(10_000, 1_000) });
export const auditQuery = z.object({ limit: limitOf(1_000, 100) });

export const stationSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    ingestHost: z.string().optional().openapi({ description: "Where sources connect." }),
    shoutcastPort: z.int().optional(),
    startedAt: time,
    mounts: count.openapi({ description: "On air, the hidden ones left out; so in `listeners`." }),
    listeners: count,
  })
  .openapi("Station");

export const mountSchema = z
  .object({
    mount: mountName,
    name: z.string().nullable(),
    description: z.string().nullable(),
    genre: z.string().nullable(),
    url: z.string().nullable(),
    public: z.boolean(),
    hidden: z.boolean(),
    startedAt: time.openapi({ description: "Since when its source is connected." }),
    title: z.string().nullable(),
    listeners: count,
    listenerPeak: count.openapi({ description: "The most at any one time since then." }),
    format: z.object({
      contentType: z.string(),
      declaredBitrate: z.string().nullable().openapi({ description: "As the source says, kb/s as a rule." }),
      bitrateKbps: count.nullable().openapi({ description: "As measured in the newest segment." }),
      sampleRate: z.int().nullable(),
      channels: z.int().nullable(),
    }),
    links: z
      .object({
        self: z.string(),
        nowPlaying: z.string(),
        stream: z.string(),
        m3u: z.string(),
        pls: z.string(),
        xspf: z.string(),
        hls: z.string().nullable(),
      })
      .openapi({ description: "Relative to the server." }),
  })
  .openapi("Mount");
export type MountJson = z.infer<typeof mountSchema>;
export const mountsSchema = z.object({ mounts: z.array(mountSchema) }).openapi("Mounts");

export const nowPlayingSchema = z
  .object({
    mount: mountName,
    title: z
      .string()
      .nullable()
      .openapi({ description: "In force at the live edge; listeners hear it seconds later." }),
    listeners: count,
  })
  .openapi("NowPlaying");

export const warningsSchema = z
  .object({ warnings: z.array(z.object({ mount: mountName, text: z.string() })) })
  .openapi("Warnings");

export const sessionSchema = z
  .object({
    name: z.string(),
    role: z.enum(roles),
    csrfToken: z.string().openapi({
      description: "For the header `X-Skywave-Csrf` of a browser's calls that change something.",
    }),
  })
  .openapi("Session");

const listenerSchema = z
  .object({
    id: count,
    mount: mountName,
    address: z.string().nullable(),
    userAgent: z.string(),
    country: z.string().nullable(),
    user: z.string().nullable(),
    startedAt: time,
  })
  .openapi("Listener");
export const listenersSchema = z
  .object({ total: count, listeners: z.array(listenerSchema) })
  .openapi("Listeners");

export const audienceSchema = z
  .object({
    sessions: count,
    uniqueToday: count,
    byCountry: z.record(z.string(), count),
    bytesSent: count,
    slowListeners: count,
  })
  .openapi("Audience");

export const countersSchema = z
  .object({
    listenerConnections: count,
    sourceConnections: count,
    bytesSent: count,
    slowListeners: count,
  })
  .openapi("Counters");

export const moveBody = z
  .object({
    to: mountField.openapi({ type: "string" }),
    listener: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .openapi({ description: "One only; without it all that the mount has now." }),
  })
  .openapi("Move");
export const titleBody = z
  .object({
    title: z.string().max(1024),
    url: z.string().max(1024).optional(),
  })
  .openapi("Title");
export const fallbackBody = z
  .object({
    fallback: mountField
      .nullable()
      .openapi({ type: ["string", "null"], description: "null: what the settings say holds again." }),
  })
  .openapi("Fallback");
export const accountBody = z
  .object({
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[^:\r\n\0]+$/),
    password: z.string().min(1).max(128),
  })
  .openapi("NewAccount");
export const accountsSchema = z
  .object({ accounts: z.array(z.object({ name: z.string() })) })
  .openapi("Accounts");
export const usersSchema = z
  .object({ users: z.array(z.object({ name: z.string(), role: z.enum(roles) })) })
  .openapi("Users");
export const auditSchema = z
  .object({
    entries: z.array(
      z.object({
        at: time,
        user: z.string(),
        role: z.string(),
        address: z.string().nullable(),
        action: z.string(),
        details: z.record(z.string(), z.string()),
      }),
    ),
  })
  .openapi("Audit");
const plainText = z
  .string()
  .min(1)
  .max(128)
  .refine((text) => !/\p{Cc}/u.test(text), "has a control character");
const ipAddress = z.union([z.ipv4(), z.ipv6()]);
export const listenUrlBody = z
  .object({
    mount: mountField.openapi({ type: "string" }),
    validSeconds: z.int().min(1).max(31_622_400).default(3_600),
    user: plainText.optional().openapi({ description: "Who it is for, as administrators see it." }),
    address: z
      .string()
      .max(45)
      .refine((text) => ipAddress.safeParse(text).success, "is no IP address")
      .optional()
      .openapi({ description: "It works from this address alone." }),
  })
  .openapi("NewListenUrl");
export const listenUrlSchema = z.object({ url: z.url(), expiresAt: time }).openapi("ListenUrl");
