import { createHmac, randomBytes } from "node:crypto";
import type { IngestSettings, WebhookEvent, WebhookSettings } from "../config/ingest-settings.ts";
import { matchesMount } from "../shared/mount-pattern.ts";
import { Deliveries, FinalError } from "./deliveries.ts";
import { exchange } from "./http-exchange.ts";
import type { Log } from "./log.ts";
import type { SourceEvent, SourceEvents } from "./source-events.ts";

/**
 * Webhooks, signed as Standard Webhooks 1.0.0 has it. Each event is a POST of JSON:
 *
 *   webhook-id: msg_…                        the same however often it is sent
 *   webhook-timestamp: 1763683200            of this try, seconds
 *   webhook-signature: v1,<base64>           HMAC-SHA256 of "<id>.<timestamp>.<body>" with the secret's bytes
 *
 *   { "type": "source.connected", "timestamp": "2026-11-21T00:00:00.000Z", "data": {
 *       "mount": "/live.mp3", "epoch": 7,      counts the mount's sources
 *       "user": "dj",                          null where the protocol has none
 *       "protocol": "SOURCE", "userAgent": "…", "name": "…",     as far as the source said
 *       "reason": "…", "seconds": 3600,        of source.disconnected alone
 *       "title": "…", "url": "…" } }           of title.changed alone; url where there is one
 *
 * Any 2xx is a receipt; redirects are none. 410 says that nobody wants it. Everything else is tried again a few times.
 */

const types = {
  connected: "source.connected",
  disconnected: "source.disconnected",
  title: "title.changed",
} as const satisfies Record<SourceEvent["kind"], WebhookEvent>;

export interface WebhooksOptions {
  readonly settings: { readonly now: Pick<IngestSettings, "webhooks"> };
  readonly events: SourceEvents;
  readonly version: string;
  readonly log: Log;
}

/** Tells the operator's webhooks, as the settings have them when something happens. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  /** By URL: one that is slow keeps the others waiting for nothing. */
  readonly #deliveries = new Map<string, Deliveries>();
  readonly #unsubscribe: () => void;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe((event) => this.#take(event));
  }

  async stop(patienceMs: number): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#deliveries.values()].map((deliveries) => deliveries.stop(patienceMs)));
  }

  #take(event: SourceEvent): void {
    const { mount } = event.source;
    const type = types[event.kind];
    const wanted = this.#options.settings.now.webhooks.filter(
      ({ events, mounts }) =>
        events.includes(type) && (mounts?.some((pattern) => matchesMount(pattern, mount)) ?? true),
    );
    if (wanted.length === 0) return;
    const body = JSON.stringify(payloadOf(event));
    const id = `msg_${randomBytes(18).toString("base64url")}`;
    for (const webhook of wanted) {
      this.#deliveriesTo(webhook).add(mount, (signal) => this.#send(webhook, { id, body }, signal));
    }
  }

  #deliveriesTo({ url }: WebhookSettings): Deliveries {
    const known = this.#deliveries.get(url);
    if (known) return known;
    // A URL may carry a token: its origin says enough.
    const what = `webhook to ${new URL(url).origin}`;
    // Those that a reload has taken away and that have nothing left to do.
    const wanted = new Set(this.#options.settings.now.webhooks.map((webhook) => webhook.url));
    for (const [other, { isIdle }] of this.#deliveries) {
      if (isIdle && !wanted.has(other)) this.#deliveries.delete(other);
    }
    const made = new Deliveries({ what, log: this.#options.log });
    this.#deliveries.set(url, made);
    return made;
  }

  async #send(
    { url, secret }: WebhookSettings,
    { id, body }: { readonly id: string; readonly body: string },
    signal: AbortSignal,
  ): Promise<void> {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const { status } = await exchange({
      url,
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": `Skywave/${this.#options.version}`,
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signatureOf(secret, `${id}.${timestamp}.${body}`)}`,
      },
      body,
      signal,
      maxReplyBytes: 0,
    });
    if (status === 410) throw new FinalError("the receiver wants no more of them (410)");
    if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`);
  }
}

function signatureOf(secret: string, content: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return createHmac("sha256", key).update(content).digest("base64");
}

function payloadOf(event: SourceEvent): object {
  const { source, kind, atMs } = event;
  const { protocol, userAgent, name } = source.info;
  const more =
    kind === "disconnected"
      ? { reason: event.reason, seconds: Math.round((atMs - source.startedMs) / 1000) }
      : kind === "title"
        ? { title: event.title.text, ...(event.title.url !== undefined && { url: event.title.url }) }
        : {};
  const { mount, epoch, user } = source;
  return {
    type: types[kind],
    timestamp: new Date(atMs).toISOString(),
    data: { mount, epoch, user, protocol, userAgent, name, ...more },
  };
}
