import { randomBytes } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError } from "./config-error.ts";

/**
 * `secrets.json` in the data folder, format version 1: what one local station must keep to itself, made at random on
 * the first start and kept. Only its owner may read it.
 */
const secretsSchema = z.object({
  version: z.literal(1),
  /** For sources, when neither environment nor station file sets one. */
  sourcePassword: z.string().min(1),
  /** For the admin user, likewise. */
  adminPassword: z.string().min(1),
  /** Bearer token of the calls from ingest to edge. */
  ingestToken: z.string().min(1),
  s3AccessKeyId: z.string().min(1),
  s3SecretAccessKey: z.string().min(1),
  /** Identity of this ingest host towards the edge. */
  ingestId: z.string().min(1),
});
export type Secrets = z.infer<typeof secretsSchema>;

/**
 * The secrets of a data folder; the folder and its secrets are made when missing. Of two processes that begin at once
 * the first to put its file in place wins, and both return what is in it. Throws ConfigError.
 */
export function openSecrets(dataDir: string): Secrets {
  const file = join(dataDir, "secrets.json");
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const existing = read(file);
    if (existing !== undefined) return existing;
    publish(file, JSON.stringify(generate(), null, 2));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ConfigError([`the data folder ${dataDir} cannot be used: ${error.message}`]);
  }
  const secrets = read(file);
  if (secrets === undefined) throw new ConfigError([`${file} was removed while the station started`]);
  return secrets;
}

function read(file: string): Secrets | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw error;
  }
  if (process.platform !== "win32") chmodSync(file, 0o600);
  const result = secretsSchema.safeParse(parsedJson(text));
  if (result.success) return result.data;
  throw new ConfigError([
    `${file} is not a secrets file of this version; remove it to have new secrets made`,
  ]);
}

/** Puts a complete file in place unless one is there. */
function publish(file: string, text: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    try {
      linkSync(draft, file);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === "EEXIST") return;
      // File systems without hard links (exFAT, some network shares): still exclusive, though not written at once.
      copyFileSync(draft, file, constants.COPYFILE_EXCL);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function generate(): Secrets {
  return {
    version: 1,
    sourcePassword: readablePassword(),
    adminPassword: readablePassword(),
    ingestToken: randomBytes(32).toString("base64url"),
    s3AccessKeyId: randomBytes(16).toString("hex"),
    s3SecretAccessKey: randomBytes(32).toString("hex"),
    ingestId: `ingest-${randomBytes(6).toString("hex")}`,
  };
}

/** 32 letters and digits, none of which looks like another in a common typeface: five bits each. */
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";

/** 80 random bits, easy to read out: `k7wq-mh3p-x9dt-a2ce`. No character means anything in a URL or a shell. */
function readablePassword(): string {
  const letters = Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join("");
  return letters.match(/.{4}/g)?.join("-") ?? letters;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && "syscall" in error;
}
