import { readFileSync, statSync } from "node:fs";
import { listenerUsersOfMount } from "../shared/edge-secrets.ts";
import { isPasswordHash } from "../shared/password-hash.ts";

interface HtpasswdUser {
  readonly name: string;
  /** 32 hexadecimal digits of MD5, or `shared/password-hash.ts`. */
  readonly hash: string;
}

export interface Htpasswd {
  readonly users: readonly HtpasswdUser[];
  /** What in the file lets nobody in, each with its line; or why there is no file. */
  readonly notes: readonly string[];
}

const fileBytes = 16 * 1024 * 1024;
const mostNotes = 10;

/**
 * A file of Icecast's htpasswd authentication: `user:hash` lines, `#` before a comment; of two lines for a user the
 * first counts. One that is not there has no users, as in Icecast, which makes it when the first is added.
 */
export function readHtpasswd(file: string): Htpasswd {
  let text: string;
  try {
    if (statSync(file).size > fileBytes)
      return { users: [], notes: [`${file} is larger than ${fileBytes} bytes`] };
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { users: [], notes: [`has no users, ${file} cannot be read: ${reason}`] };
  }
  return parseHtpasswd(text, file);
}

export function parseHtpasswd(text: string, file: string): Htpasswd {
  const users = new Map<string, string>();
  const notes: string[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.replace(/\r$/, "").replace(/^\uFEFF/, "");
    if (line.trim() === "" || line.startsWith("#")) return;
    const colon = line.indexOf(":");
    const [name, hash] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    const problem = colon < 0 ? "has no colon" : userProblem(name, hash);
    if (problem !== undefined) notes.push(`${file}:${index + 1}: ${problem}`);
    else if (users.size < listenerUsersOfMount && !users.has(name)) users.set(name, hash);
    else
      notes.push(`${file}:${index + 1}: ${users.has(name) ? "the user is there before" : "too many users"}`);
  });
  const more = notes.length - mostNotes;
  if (more > 0) notes.splice(mostNotes, more, `${file}: ${more} more lines let nobody in`);
  return { users: [...users].map(([name, hash]) => ({ name, hash })), notes };
}

function userProblem(name: string, hash: string): string | undefined {
  if (!/^[^:\r\n\0]{1,128}$/u.test(name)) return "has no user name, or one of more than 128 characters";
  return isPasswordHash(hash) ? undefined : "has neither an MD5 nor a PBKDF2 hash: nobody gets in by it";
}
