import { parseBasicAuth } from "../../shared/source/basic-auth.ts";
import type { MountPath } from "../../shared/units.ts";
import { tooManyTries, unauthorized } from "../access/admit.ts";
import { checkLogin } from "../access/check-login.ts";
import { listenerUser } from "../access/listener-users.ts";
import { clientAddress } from "../client-address.ts";
import type { Host } from "../mount-feed.ts";
import { slowedTries, slowedWaitMs } from "./limits.ts";

/** The name of the listener user whose password the request shows; else the reply. `scope`: what the users are known by. */
export async function htpasswdLogin(
  request: Request,
  mount: MountPath,
  scope: string,
  host: Host,
): Promise<string | Response> {
  const shown = parseBasicAuth(request.headers.get("Authorization") ?? undefined);
  if (!shown) return unauthorized();
  const address = await clientAddress(request.headers, host.env);
  const login = { account: `listener ${scope} ${shown.user}`, password: shown.password, address };
  const user = await listenerUser(mount, shown.user, host);
  for (let tries = 1; ; tries++) {
    const result = await checkLogin(login, user ? [user] : [], host);
    if (result.kind === "right") return shown.user;
    if (result.kind === "wrong") return unauthorized();
    // Those who come at once wait for each other; who guesses is told to come back.
    if (tries >= slowedTries || result.waitMs > slowedWaitMs) return tooManyTries(result.waitMs);
    await scheduler.wait(result.waitMs);
  }
}
