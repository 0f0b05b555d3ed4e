import { clockDriftMs, clockOffsetMaxMs } from "./limits.ts";

/**
 * The time that signatures are made with: this host's clock, corrected by what storage said when it refused a
 * signature. A host whose clock jumps (a virtual machine that slept, a board without a battery, a wrong time zone) goes
 * on storing. Storage itself allows a quarter of an hour (RequestTimeTooSkewed of the S3 API).
 */
export class StorageClock {
  readonly #local: () => number;
  #offsetMs = 0;

  constructor(local: () => number = Date.now) {
    this.#local = local;
  }

  /** Ms since the Unix epoch. */
  get nowMs(): number {
    return this.#local() + this.#offsetMs;
  }

  /** As AWS Signature Version 4 writes it: 20261121T062616Z. */
  get signingDate(): string {
    return new Date(this.nowMs).toISOString().replaceAll(/[:-]|\.\d{3}/g, "");
  }

  /**
   * Takes the `Date` of a refusal for the time. Returns by how many ms the clock of this host is corrected from now
   * on, or null when nothing changes: the date agrees, cannot be read, or is too far away to be believed.
   */
  learn(date: string | undefined): number | null {
    const storageMs = Date.parse(date ?? "");
    if (!Number.isFinite(storageMs) || Math.abs(storageMs - this.nowMs) < clockDriftMs) return null;
    const offsetMs = storageMs - this.#local();
    if (Math.abs(offsetMs) > clockOffsetMaxMs) return null;
    this.#offsetMs = offsetMs;
    return offsetMs;
  }
}
