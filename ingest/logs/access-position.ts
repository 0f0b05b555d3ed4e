import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

/**
 * Up to where the edge's records are in the access log, in a file beside the data. `writing` is a batch that was to be
 * written when the file was: a start after a crash looks into the log whether it is there.
 */
const positionSchema = z.object({
  format: z.literal(1),
  /** Records up to this are in the log. */
  after: z.number().int().nonnegative(),
  writing: z
    .object({
      /** The batch's last record. */
      sequence: z.number().int().nonnegative(),
      offset: z.number().int().nonnegative(),
      bytes: z
        .number()
        .int()
        .nonnegative()
        .max(64 * 1024 * 1024),
      /** SHA-256 of it, hexadecimal. */
      digest: z.string(),
    })
    .optional(),
});
export type AccessPosition = z.infer<typeof positionSchema>;

const beginning: AccessPosition = { format: 1, after: 0 };

/** A file that is not there or cannot be read is the beginning: the edge tells only what it has not been told to forget. */
export async function readPosition(path: string): Promise<AccessPosition> {
  try {
    const read = positionSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    return read.success ? read.data : beginning;
  } catch {
    return beginning;
  }
}

export async function writePosition(path: string, position: AccessPosition): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(position), { flush: true });
  await rename(`${path}.new`, path);
}
