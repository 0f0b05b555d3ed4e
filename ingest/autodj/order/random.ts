/**
 * Random numbers whose whole state is four words, so that a programme can be written down and goes on as it would have:
 * sfc32 of Chris Doty-Humphrey's PractRand. The fourth word counts, so no seed has a cycle shorter than 2^32.
 */
export type Seed = [number, number, number, number];

/** Draws before the first that counts, as PractRand does it: seeds that are alike have parted by then. */
const warmUp = 12;

/** `random` gives numbers from 0 to below 1. */
export function seedFrom(random: () => number): Seed {
  const word = () => Math.floor(random() * 2 ** 32) >>> 0;
  const seed: Seed = [word(), word(), word(), 1];
  for (let i = 0; i < warmUp; i++) nextWord(seed);
  return seed;
}

/** From 0 to `count` - 1, each as likely as any other; `count` is 1 to 2^32. Moves the seed on. */
export function drawBelow(seed: Seed, count: number): number {
  const fair = 2 ** 32 - (2 ** 32 % count);
  for (;;) {
    const word = nextWord(seed);
    if (word < fair) return word % count;
  }
}

function nextWord(seed: Seed): number {
  const [a, b, c, counter] = seed;
  const word = (a + b + counter) >>> 0;
  seed[0] = (b ^ (b >>> 9)) >>> 0;
  seed[1] = (c + (c << 3)) >>> 0;
  seed[2] = (((c << 21) | (c >>> 11)) + word) >>> 0;
  seed[3] = (counter + 1) >>> 0;
  return word;
}
