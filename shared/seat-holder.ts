import type { Granted, SeatReport, SeatRequest } from "./seats.ts";

/** One runtime's side of `seats.ts`: the seats it holds of one mount, or of the station. Makes the calls, sends none. */
export class SeatHolder {
  readonly #runtime: () => string;
  readonly #nextOrder: () => number;
  #held = 0;
  /** The request whose answer would be taken. */
  #asked: number | null = null;

  /** `nextOrder` rises with every call and never begins anew while the runtime has its name; asked for when needed. */
  constructor(runtime: () => string, nextOrder: () => number) {
    this.#runtime = runtime;
    this.#nextOrder = nextOrder;
  }

  get held(): number {
    return this.#held;
  }

  report(): SeatReport {
    const order = this.#nextOrder();
    const settled = this.#asked === null ? order : this.#asked - 1;
    return { runtime: this.#runtime(), order, held: this.#held, settled };
  }

  /** A request for `more` seats. The answer to an earlier one will be ignored. */
  request(more: number, max: number): SeatRequest {
    this.#asked = null;
    const report = this.report();
    this.#asked = report.order;
    return { ...report, more, max };
  }

  /** Takes what was granted in the answer to the request of that order. Null: it says nothing, ask again. */
  answer(order: number, granted: Granted): Granted {
    if (order !== this.#asked) return null;
    this.#asked = null;
    this.#held += granted ?? 0;
    return granted;
  }

  /** A seat for which nobody is asked: there is no limit. */
  add(): void {
    this.#held++;
  }

  giveBack(seats = 1): void {
    this.#held -= seats;
  }
}
