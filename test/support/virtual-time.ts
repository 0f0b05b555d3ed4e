/**
 * Time for a simulation of thousands: timers and `Date.now` of a clock that leaps to the next thing that happens. Unlike
 * the fake timers of the test runner it does not slow down with the number of timers.
 */
export class VirtualTime {
  nowMs: number;
  readonly #heap: Timer[] = [];
  #order = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  readonly wait = (ms: number): Promise<void> => new Promise((resolve) => void this.setTimeout(resolve, ms));

  readonly setTimeout = (resolve: () => void, ms: number): object => {
    const timer = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, resolve };
    this.#push(timer);
    return timer;
  };

  /** It stays in the queue and does nothing. */
  readonly clearTimeout = (timer: object): void => {
    (timer as Timer).resolve = () => undefined;
  };

  /** Everything that happens up to then, in order; what happens at the same moment in the order of its making. */
  async runUntil(untilMs: number): Promise<void> {
    await settled();
    for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
      this.nowMs = next.atMs;
      for (; next && next.atMs === this.nowMs; next = this.#heap[0]) this.#pop()?.resolve();
      await settled();
    }
    this.nowMs = untilMs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    for (let up = (at - 1) >> 1; at > 0; at = up, up = (at - 1) >> 1) {
      const parent = heap[up];
      if (!parent || before(parent, timer)) break;
      heap[at] = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (!left) break;
      const [child, index] = right && before(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (before(last, child)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
    return first;
  }
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  resolve: () => void;
}

const before = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** All that is ready to run has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
