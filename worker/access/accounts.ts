import { decodeBase64Url } from "../../shared/base64.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import type { AccountChanges, AccountsObject } from "./accounts-object.ts";
import { accountChangesAgeMs, accountsCallTimeoutMs } from "./limits.ts";

/** The station has one object of accounts. */
const accountsName = "station";

export const accountsOf = ({ env }: Pick<Host, "env">): DurableObjectStub<AccountsObject> =>
  env.ACCOUNTS.getByName(accountsName);

/** What administrators have changed, as this isolate knows it. */
let known: { readonly changes: AccountChanges; readonly atMs: number } | undefined;
let question: { readonly done: Promise<void>; readonly sinceMs: number } | undefined;

/**
 * What administrators have changed, at most `accountChangesAgeMs` old for whoever comes after that, and at once: an older answer is
 * used while a newer one is asked for. Rejects when the object cannot be asked and never could.
 */
export async function accountChanges(host: Host): Promise<AccountChanges> {
  if (known && msSince(known.atMs) < accountChangesAgeMs) return known.changes;
  const asked = refresh(host);
  if (!known) await settledWithin(asked, accountsCallTimeoutMs);
  if (!known) throw new Error("the accounts cannot be asked");
  return known.changes;
}

/** Something was changed through this isolate: it is known here at once. */
export async function accountsChanged(host: Host): Promise<void> {
  question = undefined;
  await settledWithin(refresh(host), accountsCallTimeoutMs);
}

function refresh(host: Host): Promise<void> {
  if (question && msSince(question.sinceMs) < accountsCallTimeoutMs) return question.done;
  // Kept and cleared by the work itself: the request that asks may end before it comes back here.
  const done = ask(host).finally(() => {
    if (question?.done === done) question = undefined;
  });
  question = { done, sinceMs: Date.now() };
  host.keepAlive(done);
  return done;
}

async function ask(host: Host): Promise<void> {
  try {
    const newer = await accountsOf(host).changes(known?.changes.version ?? null);
    const changes = newer ?? known?.changes;
    // Answers may overtake each other.
    if (changes && changes.version >= (known?.changes.version ?? 0)) known = { changes, atMs: Date.now() };
  } catch (error) {
    console.warn("accounts call failed", String(error));
    if (known) known = { ...known, atMs: Date.now() };
  }
}

let secret: Uint8Array<ArrayBuffer> | undefined;

/** Key of what the edge signs for itself: the same in all isolates. Rejects when the object cannot be asked and never could. */
export async function edgeSecret(host: Host): Promise<Uint8Array<ArrayBuffer>> {
  secret ??= new Uint8Array(decodeBase64Url(await accountsOf(host).secret()));
  return secret;
}
