import type { MountView } from "../shared/mount-state.ts";
import { relayOf } from "../shared/relay.ts";
import type { MountPath } from "../shared/units.ts";
import type { Env } from "./env.ts";
import { relayAvoidMs, relayHoldMs, relaySlackMs } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import type { MountQuestion } from "./mount-object.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";

/** Whom an isolate asks about a mount: the mount's object, or a relay while the mount wants that. */
interface MountDesk {
  /**
   * As `MountObject.view`, perhaps sooner than `waitMs`. A relay that rejects or hangs costs its time, then the mount is
   * asked. What is said of listeners may arrive twice.
   */
  view(question: MountQuestion): Promise<MountView>;
}

/** How an isolate comes to the mounts it asks about. */
export class MountRoutes {
  #region = "";
  /** Of mounts that have relays. */
  readonly #routes = new Map<MountPath, { relays: number; failedMs: number | null }>();

  /**
   * Where the isolate is, for relays near it: requests come to the data centre that is near their client, so the continent
   * of any client will do. A wrong one makes the way longer and nothing else.
   */
  noteRegion(continent: unknown): void {
    if (this.#region === "" && typeof continent === "string") this.#region = continent;
  }

  /** As `MountDesk.view`. */
  async ask(
    env: Pick<Env, "MOUNT" | "RELAY">,
    mount: MountPath,
    question: MountQuestion,
  ): Promise<MountView> {
    const route = this.#routes.get(mount);
    const { runtime } = question.seats;
    const askedMs = Date.now();
    if (route && !isAvoided(route, runtime)) {
      const relay = env.RELAY.getByName(`${this.#region}${relayOf(runtime, route.relays)} ${mount}`);
      const heldMs = Math.min(question.waitMs, relayHoldMs);
      const view = await settledWithin(relay.view(question), heldMs + relaySlackMs);
      if (view) {
        this.#note(mount, view.relays);
        return view;
      }
      console.warn("a relay does not answer", mount);
      route.failedMs = Date.now();
    }
    const waitMs = Math.max(0, question.waitMs - msSince(askedMs));
    const view = await env.MOUNT.getByName(mount).view({ ...question, waitMs });
    this.#note(mount, view.relays);
    return view;
  }

  #note(mount: MountPath, relays: number): void {
    const route = this.#routes.get(mount);
    if (relays === 0) this.#routes.delete(mount);
    else if (route) route.relays = relays;
    else this.#routes.set(mount, { relays, failedMs: null });
  }
}

/** Each for a time of its own, so that those who lost their relay together do not come back together. */
function isAvoided({ failedMs }: { readonly failedMs: number | null }, runtime: string): boolean {
  return failedMs !== null && msSince(failedMs) < relayAvoidMs * (1 + relayOf(runtime, 101) / 101);
}

const routes = new MountRoutes();

export const mountOf = ({ env }: Host, mount: MountPath): MountDesk => ({
  view: (question) => routes.ask(env, mount, question),
});

/** A listener's request, which may say where this isolate is. */
export function noteRegion({ cf }: Request): void {
  routes.noteRegion(cf?.["continent"]);
}
