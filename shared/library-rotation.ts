import { mixed32 } from "./murmur.ts";

/**
 * In which order a list plays, for ever, so that any part of it can be worked out without what was before: rounds of the same
 * length, each made from the seed and its own number. Pure, and integers only: every machine gets the same.
 *
 * A round consists of *turns*. In a turn each item comes once at most: with weights, one of weight 3 where the largest is 4
 * is in three of a round's four turns. Without weights a round is one turn.
 *
 * Random order: each turn is shuffled by itself. For the memory only its first `m` items are looked at: those that are among
 * the last `m` of the turn before, as that was shuffled, change places with others from its middle. The last `m` of a turn
 * therefore stay as shuffled, and no turn depends on more than the one before it. That needs turns of `3 m`.
 */

export interface RotationSettings {
  readonly order: "random" | "sequential";
  /** So many others between two plays of an item, in random order; a third of a turn at most. */
  readonly memory: number;
  readonly seed: number;
  /** Of each item, 1 at least. */
  readonly weights: readonly number[];
}

export class RotationOrder {
  /** Plays in a round: the sum of the weights. */
  readonly length: number;
  /** How many others are between two plays of an item, for sure. */
  readonly memory: number;
  readonly #settings: RotationSettings;
  readonly #turns: number;
  /** Items of each weight, in order. */
  readonly #classes: readonly { readonly weight: number; readonly items: readonly number[] }[];

  constructor(settings: RotationSettings) {
    const { weights, order } = settings;
    const byWeight = new Map<number, number[]>();
    for (const [item, weight] of weights.entries()) {
      const items = byWeight.get(weight);
      if (items) items.push(item);
      else byWeight.set(weight, [item]);
    }
    this.#classes = [...byWeight].map(([weight, items]) => ({ weight, items }));
    this.#turns = Math.max(...byWeight.keys());
    this.length = weights.reduce((sum, weight) => sum + weight, 0);
    // Two that may not come twice in a row have one order only.
    const isPair = weights.length === 2 && this.#turns === 1 && settings.memory > 0;
    this.#settings = isPair && order === "random" ? { ...settings, order: "sequential" } : settings;
    const shortest = Math.min(...this.#turnsOf(0).map(({ length }) => length));
    this.memory = order === "random" ? Math.min(settings.memory, Math.floor(shortest / 3)) : 0;
  }

  /** The items of a round (0 and up) in order. */
  round(number: number): number[] {
    const turns = this.#turnsOf(number);
    if (this.memory === 0) return turns.flat();
    let before = number > 0 ? this.#turnsOf(number - 1).at(-1) : undefined;
    return turns.flatMap((turn, index) => {
      const apart = before ? this.#keptApart(turn, before, turnSeed(number, index)) : turn;
      before = turn;
      return apart;
    });
  }

  /** Those that were last in the turn before are not among the first. */
  #keptApart(turn: readonly number[], before: readonly number[], seed: readonly number[]): number[] {
    const { memory } = this;
    const late = new Set(before.slice(-memory));
    const apart = [...turn];
    const free: number[] = [];
    for (let place = memory; place < turn.length - memory; place++) {
      if (!late.has(turn[place] ?? -1)) free.push(place);
    }
    const random = randomOf([this.#settings.seed, 2, ...seed]);
    for (let place = 0; place < memory; place++) {
      if (!late.has(turn[place] ?? -1)) continue;
      const chosen = random(free.length);
      const other = free[chosen] ?? place;
      free[chosen] = free.at(-1) ?? place;
      free.pop();
      swap(apart, place, other);
    }
    return apart;
  }

  /** As shuffled. */
  #turnsOf(round: number): number[][] {
    const { order, seed } = this.#settings;
    const isRandom = order === "random";
    const turns: number[][] = Array.from({ length: this.#turns }, () => []);
    for (const [index, { weight, items }] of this.#classes.entries()) {
      const mixed =
        isRandom && weight < this.#turns ? shuffled(items, [seed, 0, ...turnSeed(round, index)]) : items;
      // Evenly over the round, and the next one a turn later: turns are about equally long.
      for (const [place, item] of mixed.entries()) {
        for (let copy = 0; copy < weight; copy++) {
          turns[(place + Math.floor((copy * this.#turns) / weight)) % this.#turns]?.push(item);
        }
      }
    }
    if (!isRandom) return turns.map((turn) => turn.toSorted((a, b) => a - b));
    return turns.map((turn, index) => shuffled(turn, [seed, 1, ...turnSeed(round, index)]));
  }
}

const turnSeed = (round: number, part: number): readonly number[] => [round, part];

function shuffled(items: readonly number[], seed: readonly number[]): number[] {
  const random = randomOf(seed);
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) swap(mixed, last, random(last + 1));
  return mixed;
}

function swap(items: number[], a: number, b: number): void {
  const [first, second] = [items[a], items[b]];
  if (first === undefined || second === undefined) return;
  items[a] = second;
  items[b] = first;
}

/** Integers from 0 to below the argument (2^21 at most), the same for the same seed everywhere. */
function randomOf(seed: readonly number[]): (below: number) => number {
  let state = 0x9e3779b9;
  for (const part of seed) state = mixed32(state ^ part) + 0x6d2b79f5;
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    // A product below 2^53 is exact.
    return Math.floor(((mixed32(state) >>> 0) * below) / 2 ** 32);
  };
}

/** Identifies a seed's variant: of one part of a day, of the jingles. */
export const seedOf = (...parts: readonly number[]): number => randomOf(parts)(2 ** 21);
