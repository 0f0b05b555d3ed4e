/** mulberry32: random enough for a test, and a failing run can be repeated with its seed. Values from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** From SKYWAVE_TEST_SEED, else of this moment. Print it, so that the run can be repeated. */
export const testSeed = Number(process.env["SKYWAVE_TEST_SEED"] ?? Date.now() % 1_000_000);
