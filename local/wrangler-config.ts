import { unstable_readConfig } from "wrangler";
import { z } from "zod";

/** What the local stack needs of `wrangler.toml`, as wrangler itself understands the file. */
const schema = z.object({
  name: z.string(),
  /** Absolute. */
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  r2_buckets: z.array(z.object({ binding: z.string(), bucket_name: z.string() })),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
  migrations: z.array(z.object({ new_sqlite_classes: z.array(z.string()).default([]) })),
  rules: z.array(z.object({ type: z.string(), globs: z.array(z.string()) })),
});
export type WranglerConfig = z.infer<typeof schema>;

export function readWranglerConfig(file: string): WranglerConfig {
  return schema.parse(unstable_readConfig({ config: file }));
}
