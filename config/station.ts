import { z } from "zod";
import {
  address,
  choice,
  file,
  flag,
  header,
  httpUrl,
  list,
  passwordHash,
  port,
  seconds,
  secret,
  table,
  text,
  timeZone,
  username,
  whole,
} from "./station-fields.ts";
import { autodjTable } from "./station-autodj.ts";
import { mountTable, onePassword } from "./station-mount.ts";

/**
 * The one model of the settings: every setting, its range and its default, with the names of `station.toml`, which
 * `examples/station.toml` explains to operators. A reader of another format (`icecast-xml/`) says what it finds with
 * these names.
 */
const user = table({
  name: username(),
  role: choice("admin", "operator", "viewer", "relay"),
  password: secret().optional(),
  hash: passwordHash().optional(),
}).superRefine(onePassword);

const relay = table({
  url: httpUrl(),
  mount: text(),
  username: text(128).optional(),
  password: text(128).optional(),
  titles: flag().default(true),
  on_demand: flag().default(false),
});

const master = table({
  url: httpUrl(),
  username: username().default("relay"),
  password: secret(),
  update_seconds: seconds(1, 86_400).default(120),
  on_demand: flag().default(false),
});

const directory = table({
  url: httpUrl(),
  timeout_seconds: seconds(1, 10).default(6),
  touch_seconds: seconds(30, 86_400).default(200),
});

const webhookSecret = () => {
  const error = "must be base64 of 24 to 64 bytes, with or without whsec_ before it";
  return z.string({ error }).regex(/^(whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$/, { error });
};

const webhook = table({
  url: httpUrl(),
  secret: webhookSecret(),
  events: z
    .array(choice("source.connected", "source.disconnected", "title.changed"), { error: "must be a list" })
    .min(1, { error: "must name an event" })
    .default(["source.connected", "source.disconnected", "title.changed"]),
  mounts: list(text(), 256).optional(),
});

const signingKey = () => {
  const error = 'must be what "npm run config -- key" prints';
  return z.string({ error }).regex(/^[\w-]{43,256}$/, { error });
};

const aliasPath = () => {
  const error = 'must be a path that begins with "/"';
  return z.string({ error }).regex(/^\/[^\r\n\0]{0,1023}$/, { error });
};

const logName = () => {
  const error = "must be the name of a file, without a folder";
  return z.string({ error }).regex(/^(?!\.{1,2}$)[^/\\\0]{1,128}$/, { error });
};

export const stationSchema = table({
  station: table({
    name: text().default("Skywave"),
    description: text(1024).default(""),
    location: text().default("Earth"),
    admin: text().default("icemaster@localhost"),
    hostname: text().default("localhost"),
    server_id: text().default("Icecast 2.4.4"),
    time_zone: timeZone().default("UTC"),
  }).prefault({}),
  sources: table({ password: secret().optional() }).prefault({}),
  admin: table({ user: username().default("admin"), password: secret().optional() }).prefault({}),
  limits: table({
    sources: whole(1, 10_000).default(32),
    connections: whole(1, 100_000).default(4096),
    connections_per_address: whole(1, 100_000).default(512),
    header_timeout: seconds(1, 300).default(15),
    source_timeout: seconds(1, 3600).default(10),
    segment_seconds: seconds(0.5, 10).default(2),
    burst_seconds: seconds(0, 60).default(4),
    burst_bytes: whole(0, 16_777_216).optional(),
    grace_seconds: seconds(0, 600).default(15),
    max_listeners: whole(0, 1_000_000).optional(),
    max_listeners_in_all: whole(0, 1_000_000).optional(),
    max_listeners_per_address: whole(0, 1_000_000).optional(),
    max_listener_seconds: seconds(1, 31_536_000).optional(),
  }).prefault({}),
  icy: table({ metaint: whole(256, 1_048_576).default(16_000) }).prefault({}),
  ingest: table({
    address: address().default("127.0.0.1"),
    port: port().default(8000),
    shoutcast_port: whole(1, 65_535).optional(),
    shoutcast_mount: text().default("/stream"),
    tls: table({
      cert: text(4096),
      key: text(4096),
      port: port().default(8443),
      shoutcast_port: whole(1, 65_535).optional(),
    }).optional(),
  }).prefault({}),
  edge: table({ port: whole(1, 65_535).default(8787) }).prefault({}),
  web: table({ root: file("folder").optional() }).prefault({}),
  logs: table({
    folder: file("folder").optional(),
    access: logName().optional(),
    playlist: logName().optional(),
    max_kilobytes: whole(1, 2_000_000_000).default(10_000),
    archive: flag().default(false),
  }).prefault({}),
  bans: table({ deny_file: file().optional(), allow_file: file().optional() }).prefault({}),
  signed_urls: table({
    keys: list(signingKey(), 8).default([]),
  }).prefault({}),
  master: master.optional(),
  user: list(user, 900).default([]),
  header: list(header, 64).default([]),
  alias: list(table({ source: aliasPath(), destination: aliasPath(), port: port().optional() }), 256).default(
    [],
  ),
  relay: list(relay, 256).default([]),
  autodj: list(autodjTable, 64).default([]),
  directory: list(directory, 25).default([]),
  webhook: list(webhook, 32).default([]),
  mounts: z.record(z.string(), mountTable, { error: "must be a table" }).prefault({}),
});

/** A station file after validation, defaults filled in; names as in the file, durations in seconds. */
export type Station = z.infer<typeof stationSchema>;
