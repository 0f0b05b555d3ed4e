import type { IngestSettings } from "../../config/ingest-settings.ts";
import { Deliveries } from "../deliveries.ts";
import type { Log } from "../log.ts";
import type { SourceEvents } from "../source-events.ts";
import { rulesOfMount } from "./mount-rules.ts";
import type { UrlAuth } from "./url-call.ts";

export interface MountCallsOptions {
  readonly settings: { readonly now: Pick<IngestSettings, "mounts"> };
  readonly events: SourceEvents;
  readonly urlAuth: UrlAuth;
  readonly log: Log;
}

/** Tells authentication servers which mounts have a source, where the settings name one: Icecast's mount_add and mount_remove. */
export class MountCalls {
  readonly #deliveries: Deliveries;
  readonly #unsubscribe: () => void;

  constructor({ settings, events, urlAuth, log }: MountCallsOptions) {
    this.#deliveries = new Deliveries({ what: "authentication server", log });
    this.#unsubscribe = events.subscribe(({ kind, source: { mount } }) => {
      if (kind === "title") return;
      const { mountAdd, mountRemove } = rulesOfMount(settings.now.mounts, mount);
      const call = kind === "connected" ? mountAdd : mountRemove;
      const action = kind === "connected" ? "mount_add" : "mount_remove";
      if (call) this.#deliveries.add(mount, (signal) => urlAuth.tell(call, action, mount, signal));
    });
  }

  async stop(patienceMs: number): Promise<void> {
    this.#unsubscribe();
    await this.#deliveries.stop(patienceMs);
  }
}
