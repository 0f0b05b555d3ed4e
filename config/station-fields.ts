import { z } from "zod";
import { isPasswordHash } from "../shared/password-hash.ts";
import { isTitleEncoding } from "../shared/title-encoding.ts";
import { checkNamePattern } from "../shared/broadcast-name.ts";
import { checkDumpPattern } from "../shared/dump-path.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import { isTimeZone, slotProblem } from "./dj-slot.ts";

/** What settings are made of. Messages continue the sentence "<setting> …". */

export const text = (max = 256) => {
  const error = `must be text of at most ${max} characters`;
  return z.string({ error }).max(max, { error });
};

export const secret = () => {
  const error = "must be text of 1 to 128 characters without line breaks";
  return z.string({ error }).regex(/^[^\r\n\0]{1,128}$/u, { error });
};

export const username = () => {
  const error = "must be text of 1 to 128 characters without a colon";
  return z.string({ error }).regex(/^[^:\r\n\0]{1,128}$/u, { error });
};

export const seconds = (min: number, max: number) => {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
};

export const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};

/** The SHOUTcast port is the one above unless it is set, so the last one is left out. */
export const port = () => whole(1, 65_534);

export const choice = <const Names extends readonly [string, ...string[]]>(...names: Names) => {
  const error = `must be one of ${names.map((name) => JSON.stringify(name)).join(", ")}`;
  return z.enum(names, { error });
};

export const flag = () => z.boolean({ error: "must be true or false" });

/** Path of a file or folder, relative to the station file. */
export const file = (what = "file") => {
  const error = `must be the path of a ${what}`;
  return z
    .string({ error })
    .min(1, { error })
    .max(4096, { error })
    .regex(/^[^\0]*$/, { error });
};

/** User and password may stand in it, as in `http://user:password@host/`. */
export const httpUrl = () => {
  const error = "must be an http or https URL";
  return z
    .string({ error })
    .max(2048, { error })
    .refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ""), { error });
};

export const headerName = () => {
  const error = "must be the name of a header";
  return z.string({ error }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, { error });
};

/** As `npm run config -- hash` makes it. */
export const passwordHash = () => {
  const error = 'must be what "npm run config -- hash" prints';
  return z.string({ error }).refine((value) => value.startsWith("$") && isPasswordHash(value), { error });
};

export const address = () => {
  const error = 'must be an IP address or "localhost"';
  return z.union([z.ipv4(), z.ipv6(), z.literal("localhost")], { error });
};

export const slot = () =>
  z.string({ error: "must be text" }).superRefine((value, context) => {
    const problem = slotProblem(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

export const timeZone = () => {
  const error = 'must be the name of a time zone, such as "Asia/Seoul"';
  return z.string({ error }).refine(isTimeZone, { error });
};

/** What recordings are called: strftime fields, `${mount}` and text. */
export const archiveName = () =>
  z.string({ error: "must be text" }).superRefine((pattern, context) => {
    try {
      checkNamePattern({ pattern, timeZone: "UTC" });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      context.addIssue({ code: "custom", message: `makes no names: ${error.message}` });
    }
  });

/** Where a recording goes on the ingest host: a path with fields as `archiveName` has them; empty: nowhere. */
export const dumpFile = () =>
  text(1024).superRefine((pattern, context) => {
    try {
      if (pattern !== "") checkDumpPattern(pattern);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      context.addIssue({ code: "custom", message: `makes no file's path: ${error.message}` });
    }
  });

export const charset = () => {
  const error = "must be the name of a character encoding that titles can be written in";
  return z.string({ error }).max(40, { error }).refine(isTitleEncoding, { error });
};

export const table = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "must be a table" : undefined),
  });

export const list = <Item extends z.ZodType>(item: Item, max: number) =>
  z.array(item, { error: "must be a list" }).max(max, { error: `must have at most ${max} entries` });

export const header = table({
  name: headerName(),
  value: z
    .string({ error: "must be text" })
    .regex(/^[^\r\n\0]{0,1024}$/, { error: "must be text of at most 1024 characters without line breaks" }),
  status: whole(100, 599).optional(),
});
