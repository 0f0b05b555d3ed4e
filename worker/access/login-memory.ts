/** What was found of logins seen lately, by their fingerprints: the newest, each for a while since it was last shown. Times in ms. */
export class LoginMemory<Found> {
  readonly #keepMs: number;
  readonly #max: number;
  /** In order of the last time, oldest first. */
  readonly #seen = new Map<string, { readonly found: Found; readonly atMs: number }>();

  constructor(keepMs: number, max: number) {
    this.#keepMs = keepMs;
    this.#max = max;
  }

  /** Undefined when it is not remembered; what is remembered is, from now on anew. */
  get(fingerprint: string, nowMs: number): Found | undefined {
    const seen = this.#seen.get(fingerprint);
    if (seen === undefined) return undefined;
    this.#seen.delete(fingerprint);
    const ageMs = nowMs - seen.atMs;
    // Of one from the future the clock was put back: nobody knows how old it is.
    if (ageMs < 0 || ageMs >= this.#keepMs) return undefined;
    this.#seen.set(fingerprint, { ...seen, atMs: nowMs });
    return seen.found;
  }

  set(fingerprint: string, found: Found, nowMs: number): void {
    this.#seen.delete(fingerprint);
    this.#seen.set(fingerprint, { found, atMs: nowMs });
    const oldest = this.#seen.keys().next();
    if (this.#seen.size > this.#max && !oldest.done) this.#seen.delete(oldest.value);
  }

  get size(): number {
    return this.#seen.size;
  }
}
