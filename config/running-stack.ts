import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/**
 * `running.json` in the data folder, format version 1: where the stack that runs on it is reached. Its storage has another
 * port at each start, and other commands on this machine find it here. A stack that was killed leaves the file behind: then
 * nobody answers there.
 */
const runningSchema = z.object({
  version: z.literal(1),
  /** Of the bucket, in the S3 API; on loopback, nobody else is sent what is signed with this folder's secrets. */
  bucketUrl: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+\//),
  /** Where listeners come. */
  edgeUrl: z.string().regex(/^http:\/\//),
});
export type RunningStack = Pick<z.infer<typeof runningSchema>, "bucketUrl" | "edgeUrl">;

const fileIn = (dataDir: string): string => join(dataDir, "running.json");

/** Throws when the folder cannot be written. */
export const tellRunning = (dataDir: string, { bucketUrl, edgeUrl }: RunningStack): void =>
  writeFileSync(fileIn(dataDir), `${JSON.stringify({ version: 1, bucketUrl, edgeUrl })}\n`);

export function forgetRunning(dataDir: string): void {
  try {
    rmSync(fileIn(dataDir), { force: true });
  } catch {
    // It is the same as after a kill.
  }
}

/** Undefined while no stack runs on the folder. */
export function runningOn(dataDir: string): RunningStack | undefined {
  try {
    return runningSchema.parse(JSON.parse(readFileSync(fileIn(dataDir), "utf8")));
  } catch {
    return undefined;
  }
}
