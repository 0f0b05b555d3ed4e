import type { MountPath } from "../../shared/units.ts";
import { unauthorized } from "../access/admit.ts";
import type { Host } from "../mount-feed.ts";
import { sessionsOf } from "../roster/roster.ts";
import { newSessionId } from "../roster/open-session.ts";
import { duplicateLookMs, duplicateWaitMs, ownSessions } from "./limits.ts";
import type { Login } from "./login.ts";

/** Users that listen through this isolate where each may only once. */
const here = new Set<string>();
/** Sessions that were this isolate's: of those it knows better than the roster, which hears of an end a little later. */
const own = new Set<number>();

/** A login of a user who may listen once at a time; the reply when it does already, here or as the mount's roster knows. */
export async function loggedInOnce(
  user: string,
  mount: MountPath,
  signal: AbortSignal,
  host: Host,
): Promise<Login | Response> {
  const name = `${mount}\n${user}`;
  // A player whose connection was lost is back before anybody has noticed that it went, and takes a 401 as final.
  for (let waitedMs = 0; here.has(name); waitedMs += duplicateLookMs) {
    if (waitedMs >= duplicateWaitMs) return unauthorized();
    await scheduler.wait(duplicateLookMs);
  }
  // Before anything is waited for: two that come together are one too many.
  here.add(name);
  const client = newSessionId();
  const login = { user, client, end: once(() => here.delete(name)) };
  // It may go at any moment, and what this request waits for then never comes.
  signal.addEventListener("abort", login.end);
  if (signal.aborted) login.end();
  try {
    const others = await sessionsOf(user, mount, host);
    if (others.some((id) => !own.has(id))) {
      login.end();
      return unauthorized();
    }
  } catch (error) {
    // Whoever is here is known; that is as much as can be said now.
    console.warn("roster call failed", mount, String(error));
  }
  noteOwn(client);
  return login;
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

function noteOwn(id: number): void {
  own.add(id);
  const oldest = own.keys().next();
  if (own.size > ownSessions && !oldest.done) own.delete(oldest.value);
}
