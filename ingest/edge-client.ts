import { randomUUID } from "node:crypto";
import type { IngestSettings } from "../config/ingest-settings.ts";
import {
  type Announcement,
  type Claim,
  claimReplySchema,
  edgeErrorSchema,
  type Hold,
  type HoldReply,
  holdReplySchema,
  type Renewal,
  ingestApiPrefix,
  type StationCall,
} from "../shared/edge-api.ts";
import type { Epoch } from "../shared/units.ts";
import { exchange } from "./http-exchange.ts";
import { claimTimeoutMs, edgeTimeoutMs, replyBytes, stationTimeoutMs } from "./limits.ts";
import { reasonOf } from "./log.ts";

/** The edge gave no answer that can be used: unreachable, too slow, failing, or it does not know our token. Worth another try. */
class EdgeError extends Error {
  override readonly name = "EdgeError";
}

export type ClaimResult =
  /** `gapMs`: for how long listeners who were there have had nothing new; null when nobody can be waiting. */
  | { readonly kind: "claimed"; readonly epoch: Epoch; readonly gapMs: number | null }
  | { readonly kind: "in-use" };

export type HoldResult =
  | { readonly kind: "ok"; readonly reply: HoldReply }
  /** A newer epoch exists, or the source was sent away: stop sending. `reason` is the edge's word for it. */
  | { readonly kind: "fenced"; readonly reason: string }
  /** The edge cannot read this call, sending it again is no use. */
  | { readonly kind: "refused" };

/** The edge tells by it whether a host that claims its mount again has lost what it had. */
const thisProcess = randomUUID();

/** The calls of `shared/edge-api.ts`. Every method rejects with EdgeError and nothing else. */
export class EdgeClient {
  readonly #base: string;
  readonly #token: string;

  constructor({ edgeUrl, ingestToken }: Pick<IngestSettings, "edgeUrl" | "ingestToken">) {
    this.#base = edgeUrl + ingestApiPrefix;
    this.#token = ingestToken;
  }

  async claim(claim: Claim): Promise<ClaimResult> {
    const { status, body } = await this.#call(
      "claim",
      { process: thisProcess, ...claim },
      { timeoutMs: claimTimeoutMs },
    );
    if (status === 409) return { kind: "in-use" };
    const reply = claimReplySchema.safeParse(body);
    if (status !== 200 || !reply.success) throw unusable("claim", status, body);
    return { kind: "claimed", ...reply.data };
  }

  announce(announcement: Announcement, signal?: AbortSignal): Promise<HoldResult> {
    return this.#hold("announce", announcement, signal);
  }

  renew(renewal: Renewal): Promise<HoldResult> {
    return this.#hold("renew", renewal);
  }

  release(hold: Hold): Promise<HoldResult> {
    return this.#hold("release", hold);
  }

  async station(argument: StationCall, signal: AbortSignal): Promise<"ok" | { readonly refused: string }> {
    const { status, body } = await this.#call("station", argument, { signal, timeoutMs: stationTimeoutMs });
    if (status === 200) return "ok";
    if (status === 400 || status === 413) return { refused: messageOf(body) ?? `status ${status}` };
    throw unusable("station", status, body);
  }

  async #hold(call: string, argument: Announcement | Hold, signal?: AbortSignal): Promise<HoldResult> {
    const { status, body } = await this.#call(call, argument, { signal, timeoutMs: edgeTimeoutMs });
    if (status === 200) {
      const reply = holdReplySchema.safeParse(body);
      // The edge has done it, whatever it says of other things.
      return { kind: "ok", reply: reply.success ? reply.data : { orders: [] } };
    }
    if (status === 410) return { kind: "fenced", reason: messageOf(body) ?? "another source has the mount" };
    if (status === 400) return { kind: "refused" };
    throw unusable(call, status, body);
  }

  async #call(
    call: string,
    argument: unknown,
    patience: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<{ status: number; body: unknown }> {
    try {
      const { status, body } = await exchange({
        url: `${this.#base}/${call}`,
        method: "POST",
        headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
        body: JSON.stringify(argument),
        ...patience,
        maxReplyBytes: replyBytes,
      });
      return { status, body: parsedJson(body) };
    } catch (error) {
      throw new EdgeError(`${call}: ${reasonOf(error)}`);
    }
  }
}

function unusable(call: string, status: number, body: unknown): EdgeError {
  const message = messageOf(body);
  return new EdgeError(`${call}: the edge answered ${status}${message === undefined ? "" : ` (${message})`}`);
}

function messageOf(body: unknown): string | undefined {
  return edgeErrorSchema.safeParse(body).data?.message;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
