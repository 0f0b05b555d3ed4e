import type { Host } from "../mount-feed.ts";
import { accountsOf } from "./accounts.ts";
import type { AuditEntry } from "./accounts-object.ts";
import type { Visitor } from "./admit.ts";
import { auditDetails, auditEntries, auditTextLength } from "./limits.ts";

/**
 * Writes down what an administrator does. Resolves when it is stored; rejects when it cannot be, which is a reason not to do it.
 * What is called a password, a key or the like is left out of `details`, and long texts are cut.
 */
export async function audit(
  visitor: Visitor,
  action: string,
  details: Readonly<Record<string, string>>,
  host: Pick<Host, "env">,
): Promise<void> {
  await accountsOf(host).note({
    user: cut(visitor.name),
    role: visitor.role,
    address: visitor.address ?? null,
    action: cut(action),
    details: shown(details),
  });
}

/** The newest first, `auditEntries` of them at most. */
export async function auditLog(host: Pick<Host, "env">, limit: number = auditEntries): Promise<AuditEntry[]> {
  return accountsOf(host).auditLog(limit);
}

/** Whether the value of a field of this name is nobody's to see. */
export const isSecretName = (name: string): boolean =>
  /pass|secret|token|key|credential|csrf|hash/i.test(name);

const shown = (details: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(details)
      .filter(([name]) => !isSecretName(name))
      .slice(0, auditDetails)
      .map(([name, value]) => [cut(name), cut(value)]),
  );

function cut(text: string): string {
  const characters = Array.from(text.slice(0, 2 * auditTextLength)).slice(0, auditTextLength);
  return characters.join("").toWellFormed();
}
