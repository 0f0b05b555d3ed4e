import { z } from "zod";
import {
  archiveName,
  charset,
  choice,
  dumpFile,
  file,
  flag,
  header,
  headerName,
  httpUrl,
  list,
  passwordHash,
  seconds,
  secret,
  slot,
  table,
  text,
  timeZone,
  username,
  whole,
} from "./station-fields.ts";

/** A URL that Icecast's URL authentication POSTs to, with the login for it. */
const urlCall = table({ url: httpUrl(), username: text(128).optional(), password: text(128).optional() });

const acceptHeader = () => {
  const error = 'must be a header with its value, such as "icecast-auth-user: 1"';
  return z.string({ error }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}:[^\r\n\0]{0,256}$/, { error });
};

/** Who may listen. `type = "none"` is for a mount that a pattern closes to others. */
const listenerAuth = table({
  type: choice("none", "htpasswd", "url"),
  file: file().optional(),
  allow_duplicate_users: flag().optional(),
  listener_add: httpUrl().optional(),
  listener_remove: httpUrl().optional(),
  username: text(128).optional(),
  password: text(128).optional(),
  accept_header: acceptHeader().optional(),
  timelimit_header: headerName().optional(),
  headers: list(headerName(), 64).optional(),
  header_prefix: text(128).optional(),
}).superRefine(({ type, ...others }, context) => {
  const fitting: readonly string[] =
    type === "url" ? urlKeys : type === "htpasswd" ? ["file", "allow_duplicate_users"] : [];
  for (const [key, value] of Object.entries(others)) {
    if (value === undefined || fitting.includes(key)) continue;
    context.addIssue({ code: "custom", path: [key], message: `cannot go with type ${JSON.stringify(type)}` });
  }
});
const urlKeys = [
  "listener_add",
  "listener_remove",
  "username",
  "password",
  "accept_header",
  "timelimit_header",
  "headers",
  "header_prefix",
];

const dj = table({
  name: username(),
  password: secret().optional(),
  hash: passwordHash().optional(),
  slots: list(slot(), 64).default([]),
}).superRefine(onePassword);

/** A password or its hash: one of them. */
export function onePassword(
  value: { readonly password?: string | undefined; readonly hash?: string | undefined },
  context: z.RefinementCtx,
): void {
  if ((value.password === undefined) !== (value.hash === undefined)) return;
  context.addIssue({ code: "custom", message: "must have a password or a hash, one of them" });
}

/** What a mount, or all that a pattern fits, have of their own. */
export const mountTable = table({
  username: username().optional(),
  password: secret().optional(),
  max_listeners: whole(0, 1_000_000).optional(),
  max_listener_seconds: seconds(1, 31_536_000).optional(),
  grace_seconds: seconds(0, 600).optional(),
  source_timeout: seconds(1, 3600).optional(),
  takeover: choice("same-credentials", "always", "never").optional(),
  fallback_mount: text().optional(),
  fallback_file: file().optional(),
  fallback_override: choice("none", "own", "all").optional(),
  fallback_when_full: flag().optional(),
  intro: file().optional(),
  burst_seconds: seconds(0, 60).optional(),
  burst_bytes: whole(0, 16_777_216).optional(),
  metaint: whole(0, 1_048_576).optional(),
  charset: charset().optional(),
  hidden: flag().optional(),
  public: flag().optional(),
  no_directory: flag().optional(),
  no_mount: flag().optional(),
  stream_name: text(1024).optional(),
  stream_description: text(1024).optional(),
  stream_url: text(1024).optional(),
  genre: text(1024).optional(),
  bitrate: text(16).optional(),
  subtype: text(128).optional(),
  on_connect: file("program").optional(),
  on_disconnect: file("program").optional(),
  source_auth: urlCall.optional(),
  notify_connect: urlCall.optional(),
  notify_disconnect: urlCall.optional(),
  signed_urls: flag().optional(),
  listener_auth: listenerAuth.optional(),
  archive: flag().optional(),
  retention_days: whole(0, 36_500).optional(),
  retention_bytes: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  archive_name: archiveName().optional(),
  archive_time_zone: timeZone().optional(),
  podcast: flag().optional(),
  dump_file: dumpFile().optional(),
  dump_rotate_seconds: seconds(0, 31_536_000).optional(),
  dump_rotate_bytes: whole(0, 1_000_000_000_000).optional(),
  hls: flag().optional(),
  header: list(header, 64).optional(),
  dj: list(dj, 256).optional(),
});
export type MountTable = z.infer<typeof mountTable>;
export type UrlCallTable = z.infer<typeof urlCall>;
export type ListenerAuthTable = z.infer<typeof listenerAuth>;
