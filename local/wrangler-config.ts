import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { z } from "zod";

/**
 * What the local stack needs of `wrangler.toml`. Read here and not by wrangler's own function: importing wrangler
 * doubles the edge process's memory and the time it takes to start.
 */
const schema = z.object({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  r2_buckets: z.array(z.object({ binding: z.string(), bucket_name: z.string() })),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
  migrations: z.array(z.object({ new_sqlite_classes: z.array(z.string()).default([]) })),
  rules: z.array(z.object({ type: z.string(), globs: z.array(z.string()) })),
});

/** `main` is absolute. Throws on a file that is no TOML or lacks something. */
export function readWranglerConfig(file: string): z.infer<typeof schema> {
  const config = schema.parse(getStaticTOMLValue(parseTOML(readFileSync(file, "utf8"))));
  return { ...config, main: resolve(dirname(file), config.main) };
}
