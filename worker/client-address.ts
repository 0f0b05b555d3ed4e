import { addressGroup } from "../shared/address-group.ts";
import type { Env } from "./env.ts";
import { isSecret } from "./is-secret.ts";

/**
 * Whose request it is: the address that Cloudflare saw, or, of a request that came through an ingest host, the one that
 * host saw and vouches for; as `addressGroup` counts it. Null when nobody can be believed: on a worker that is reached
 * directly Cloudflare's headers are whatever the client writes (`request.cf` too: the local runtime reads it from one),
 * and the runtime does not tell who connects.
 */
export async function clientAddress(
  headers: Headers,
  env: Pick<Env, "INGEST_TOKEN" | "REACHED_DIRECTLY">,
): Promise<string | null> {
  return clientOf(await seenAddress(headers, env));
}

/** As connections are counted. */
export const clientOf = ({ address }: SeenAddress): string | null =>
  address === null ? null : addressGroup(address);

/** An address as it was seen, and whether the platform saw it: only then what it says of the request's place is the listener's. */
export interface SeenAddress {
  /** Null when nobody can be believed. */
  readonly address: string | null;
  readonly byPlatform: boolean;
}

/** The same as it was seen. */
export async function seenAddress(
  headers: Headers,
  { INGEST_TOKEN: secret, REACHED_DIRECTLY }: Pick<Env, "INGEST_TOKEN" | "REACHED_DIRECTLY">,
): Promise<SeenAddress> {
  const token = headers.get(ingestHeader);
  // First: an ingest host comes through Cloudflare too, with an address of its own.
  if (token !== null && secret && (await isSecret(token, secret))) {
    return { address: validAddress(headers.get(clientHeader)), byPlatform: false };
  }
  if (REACHED_DIRECTLY) return { address: null, byPlatform: false };
  return { address: validAddress(headers.get("CF-Connecting-IP")), byPlatform: true };
}

const ingestHeader = "X-Skywave-Ingest";
const clientHeader = "X-Skywave-Client";

function validAddress(text: string | null): string | null {
  const given = text?.trim() ?? "";
  return /^[0-9a-f:.]{2,45}$/i.test(given) ? given : null;
}

/** Listeners of each address in this isolate. */
export class AddressCount {
  readonly #counts = new Map<string, number>();

  /** Counts one more and returns what takes it back, once; null when the address has `max`. */
  enter(client: string | null, max: number | undefined): (() => void) | null {
    if (client === null) return () => undefined;
    const count = this.#counts.get(client) ?? 0;
    if (max !== undefined && count >= max) return null;
    this.#counts.set(client, count + 1);
    let entered = true;
    return () => {
      if (entered) this.#leave(client);
      entered = false;
    };
  }

  /** Addresses that are counted. */
  get size(): number {
    return this.#counts.size;
  }

  #leave(client: string): void {
    const count = this.#counts.get(client) ?? 0;
    if (count > 1) this.#counts.set(client, count - 1);
    else this.#counts.delete(client);
  }
}

/** This isolate's. */
export const listenersByAddress = new AddressCount();
