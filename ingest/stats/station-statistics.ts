import type { IngestSettings } from "../../config/ingest-settings.ts";
import {
  ingestApiPrefix,
  type NumberedRecord,
  recordsReplySchema,
  type Statistics,
  statisticsSchema,
} from "../../shared/edge-api.ts";
import { exchange } from "../http-exchange.ts";
import {
  questionReplyBytes,
  recordsReplyBytes,
  questionTimeoutMs,
  statisticsAgeMs,
} from "../station-limits.ts";

export interface StationQuestionsOptions extends Pick<IngestSettings, "edgeUrl" | "ingestToken"> {
  readonly now?: () => number;
}

/** What this host asks the edge about the station. Every method rejects when there is no usable answer. */
export class StationQuestions {
  readonly #base: string;
  readonly #token: string;
  readonly #now: () => number;
  #asked: Promise<Statistics> | null = null;
  #waits = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor({ edgeUrl, ingestToken, now = () => performance.now() }: StationQuestionsOptions) {
    this.#base = edgeUrl + ingestApiPrefix;
    this.#token = ingestToken;
    this.#now = now;
  }

  /** At most `statisticsAgeMs` old; whoever asks meanwhile shares the answer, however long the edge takes for it. */
  statistics(): Promise<Statistics> {
    const now = this.#now();
    if (this.#asked === null || (!this.#waits && now - this.#askedMs >= statisticsAgeMs)) {
      this.#askedMs = now;
      this.#waits = true;
      this.#asked = this.#ask("statistics", {})
        .then((body) => statisticsSchema.parse(body))
        .finally(() => {
          this.#waits = false;
        });
    }
    return this.#asked;
  }

  /** Sessions that have ended, in order; those up to `after` are forgotten. */
  async records(after: number): Promise<readonly NumberedRecord[]> {
    const reply = await this.#ask("records", { after }, recordsReplyBytes);
    return recordsReplySchema.parse(reply).records;
  }

  async #ask(call: string, argument: unknown, maxReplyBytes: number = questionReplyBytes): Promise<unknown> {
    const { status, body } = await exchange({
      url: `${this.#base}/${call}`,
      method: "POST",
      headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
      body: JSON.stringify(argument),
      timeoutMs: questionTimeoutMs,
      maxReplyBytes,
    });
    if (status !== 200) throw new Error(`${call}: the edge answered ${status}`);
    return JSON.parse(body);
  }
}

/** The `listeners` field of a mount's statistics as a number. */
export function listenersIn(fields: Readonly<Record<string, string>> | undefined): number {
  const count = Number(fields?.["listeners"] ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
