import { z } from "zod";

/**
 * The station file (`station.toml`): every setting, its range and its default. `examples/station.toml` explains them
 * to operators. Messages continue the sentence "<setting> …".
 */
const text = (max = 256) => {
  const error = `must be text of at most ${max} characters`;
  return z.string({ error }).max(max, { error });
};
const secret = () => {
  const error = "must be text of 1 to 128 characters without line breaks";
  return z.string({ error }).regex(/^[^\r\n\0]{1,128}$/u, { error });
};
const username = () => {
  const error = "must be text of 1 to 128 characters without a colon";
  return z.string({ error }).regex(/^[^:\r\n\0]{1,128}$/u, { error });
};
const seconds = (min: number, max: number) => {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
};
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};
const choice = <const Names extends readonly [string, ...string[]]>(...names: Names) => {
  const error = `must be one of ${names.map((name) => JSON.stringify(name)).join(", ")}`;
  return z.enum(names, { error });
};
const flag = () => z.boolean({ error: "must be true or false" });
/** Path of a file, relative to the station file. */
const file = () => {
  const error = "must be the path of a file";
  return z.string({ error }).min(1, { error }).max(4096, { error });
};
const table = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "must be a table" : undefined),
  });

const mountTable = table({
  username: username().optional(),
  password: secret().optional(),
  max_listeners: whole(0, 1_000_000).optional(),
  max_listener_seconds: seconds(1, 31_536_000).optional(),
  grace_seconds: seconds(0, 600).optional(),
  takeover: choice("same-credentials", "always", "never").optional(),
  fallback_mount: text().optional(),
  fallback_file: file().optional(),
  fallback_override: choice("none", "own", "all").optional(),
  fallback_when_full: flag().optional(),
  intro: file().optional(),
});

export const stationSchema = table({
  station: table({
    name: text().default("Skywave"),
    description: text(1024).default(""),
    location: text().default("Earth"),
    admin: text().default("icemaster@localhost"),
    hostname: text().default("localhost"),
  }).prefault({}),
  sources: table({ password: secret().optional() }).prefault({}),
  admin: table({ password: secret().optional() }).prefault({}),
  limits: table({
    sources: whole(1, 10_000).default(32),
    connections: whole(1, 100_000).default(4096),
    connections_per_address: whole(1, 100_000).default(512),
    header_timeout: seconds(1, 300).default(15),
    source_timeout: seconds(1, 3600).default(10),
    segment_seconds: seconds(0.5, 10).default(2),
    burst_seconds: seconds(0, 60).default(4),
    grace_seconds: seconds(0, 600).default(15),
    max_listeners: whole(0, 1_000_000).optional(),
    max_listeners_in_all: whole(0, 1_000_000).optional(),
    max_listeners_per_address: whole(0, 1_000_000).optional(),
    max_listener_seconds: seconds(1, 31_536_000).optional(),
  }).prefault({}),
  icy: table({ metaint: whole(256, 1_048_576).default(16_000) }).prefault({}),
  ingest: table({
    // The SHOUTcast port is the one above, so the last port cannot be taken.
    port: whole(1, 65_534).default(8000),
    shoutcast_mount: text().default("/stream"),
    tls: table({
      cert: text(4096),
      key: text(4096),
      port: whole(1, 65_534).default(8443),
    }).optional(),
  }).prefault({}),
  edge: table({ port: whole(1, 65_535).default(8787) }).prefault({}),
  mounts: z.record(z.string(), mountTable, { error: "must be a table" }).prefault({}),
});

/** A station file after validation, defaults filled in; names as in the file, durations in seconds. */
export type Station = z.infer<typeof stationSchema>;
