import { z } from "zod";

/**
 * What the edge must know of who may do what, told along with the station's settings and never shown to anybody:
 * passwords only as hashes (`password-hash.ts`), but for those that the edge itself must send to somebody else.
 */

/** admin: everything. operator: listeners, sources and titles. viewer: looks. relay: the list of streams, for servers that relay us. */
export const roles = ["admin", "operator", "viewer", "relay"] as const;
export type Role = (typeof roles)[number];

const userName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^:\r\n\0]+$/);
/** `$pbkdf2-sha256$…`, or 32 hexadecimal digits of MD5 as Icecast's htpasswd files have. */
const passwordHash = z.string().min(1).max(512);
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/);

const stationUserSchema = z.object({ name: userName, role: z.enum(roles), hash: passwordHash });
export type StationUser = z.infer<typeof stationUserSchema>;

/** Listener users of one file, and of all: what an isolate keeps of them is some megabytes, and so is the call that tells them. */
export const listenerUsersOfMount = 20_000;
export const listenerUsersInAll = 40_000;

const listenerAuthSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("htpasswd"),
    /** As the file on the ingest host has them; `manageauth` at the edge adds to them and takes away. */
    users: z.array(z.object({ name: userName, hash: passwordHash })).max(listenerUsersOfMount),
    /** Whether one user may listen twice at the same time. */
    allowDuplicates: z.boolean().default(true),
  }),
  /** `authentication type="url"` of Icecast 2.4.4. Without a URL for an event nobody is asked. */
  z.object({
    kind: z.literal("url"),
    listenerAdd: z.url().max(2048).optional(),
    listenerRemove: z.url().max(2048).optional(),
    /** Sent instead of the listener's own credentials. */
    username: z.string().max(128).optional(),
    password: z.string().max(128).optional(),
    /** The reply header that lets a listener in. */
    acceptHeader: z.object({ name: headerName, value: z.string().max(256) }),
    timelimitHeader: headerName,
    /** Headers of the listener's request that are passed on, each as a field of this prefix and its name. */
    headers: z.array(headerName).max(64).default([]),
    headerPrefix: z.string().max(128).default(""),
  }),
]);
export type ListenerAuth = z.infer<typeof listenerAuthSchema>;

export const edgeSecretsSchema = z.object({
  users: z.array(stationUserSchema).max(1_000).default([]),
  /** Keys of signed listen URLs, the newest first: base64url of 32 bytes at least. */
  signingKeys: z.array(z.string().min(43).max(256)).max(8).default([]),
  /** By mount path or pattern, as `mounts` of the station; never merged: the most particular one counts whole. */
  listeners: z
    .record(
      z.string(),
      z.object({
        auth: listenerAuthSchema.optional(),
        /** Only with a signed URL, or past `auth` with one where both are set. */
        signed: z.boolean().default(false),
      }),
    )
    .refine((rules) => usersIn(rules) <= listenerUsersInAll, {
      error: `more than ${listenerUsersInAll} listener users in all`,
    })
    .default({}),
});
export type EdgeSecrets = z.infer<typeof edgeSecretsSchema>;

function usersIn(rules: Readonly<Record<string, { readonly auth?: ListenerAuth | undefined }>>): number {
  let users = 0;
  for (const { auth } of Object.values(rules)) if (auth?.kind === "htpasswd") users += auth.users.length;
  return users;
}

export const noSecrets: EdgeSecrets = { users: [], signingKeys: [], listeners: {} };
