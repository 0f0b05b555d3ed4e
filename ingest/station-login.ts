import { createHash, timingSafeEqual } from "node:crypto";
import type { Role, StationUser } from "../shared/edge-secrets.ts";
import type { Credentials } from "../shared/source/basic-auth.ts";
import type { PasswordCheck } from "./access/password-check.ts";

export interface StationLoginOptions {
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly users: readonly StationUser[];
}

/** Who may read the station's figures on this port: its administrator, and its users of some roles. "busy" passes by itself. */
export async function stationLogin(
  shown: Credentials,
  address: string,
  may: readonly Role[],
  { adminUser, adminPassword, users }: StationLoginOptions,
  passwords: Pick<PasswordCheck, "matches">,
): Promise<"right" | "wrong" | "busy"> {
  const isAdminUser = isEqual(shown.user, adminUser);
  if (isEqual(shown.password, adminPassword) && isAdminUser) return "right";
  const user = users.find(({ name }) => name === shown.user);
  if (!user || !(user.role === "admin" || may.includes(user.role))) return "wrong";
  const matches = await passwords.matches(shown.password, user.hash, address);
  if (matches === "busy") return "busy";
  return matches ? "right" : "wrong";
}

/** Digests are of one length, so that neither content nor length shows in the time it takes. */
const isEqual = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
