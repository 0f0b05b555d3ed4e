import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeatHolder } from "../../shared/seat-holder.ts";
import {
  type Granted,
  noSeats,
  reportSeats,
  requestSeats,
  type SeatReport,
  type SeatRequest,
  seatsTaken,
  type SeatTable,
} from "../../shared/seats.ts";
import { millis } from "../../shared/units.ts";

const limits = { ttlMs: 15_000, runtimes: 100 };

/** A table with the time standing still, unless it is told. */
class Desk {
  table: SeatTable = noSeats;
  now = 0;
  request(request: SeatRequest): Granted {
    const { table, granted } = requestSeats(this.table, request, millis(this.now), limits);
    this.table = table;
    return granted;
  }
  report(report: SeatReport): void {
    this.table = reportSeats(this.table, report, millis(this.now), limits);
  }
  get taken(): number {
    return seatsTaken(this.table, millis(this.now), limits);
  }
}

function holder(name: string): SeatHolder {
  let order = 0;
  return new SeatHolder(
    () => name,
    () => ++order,
  );
}

/** A request and its answer, with nothing in between. */
function ask(desk: Desk, from: SeatHolder, more: number, max: number): Granted {
  const request = from.request(more, max);
  return from.answer(request.order, desk.request(request));
}

describe("the table of seats", () => {
  it("grants what is free and no more, to all runtimes together", () => {
    const desk = new Desk();
    const [a, b] = [holder("a"), holder("b")];
    expect(ask(desk, a, 7, 10)).toBe(7);
    expect(ask(desk, b, 7, 10)).toBe(3);
    expect(ask(desk, a, 1, 10)).toBe(0);
    a.giveBack(4);
    desk.report(a.report());
    expect(ask(desk, b, 7, 10)).toBe(4);
    expect([a.held, b.held, desk.taken]).toEqual([3, 7, 10]);
  });

  it("counts a grant whose answer is under way, whatever the runtime reports meanwhile", () => {
    const desk = new Desk();
    const [a, b] = [holder("a"), holder("b")];
    const request = a.request(10, 10);
    const granted = desk.request(request);
    desk.report(a.report());
    expect(ask(desk, b, 1, 10)).toBe(0);
    expect(a.answer(request.order, granted)).toBe(10);
    a.giveBack(10);
    desk.report(a.report());
    expect(ask(desk, b, 10, 10)).toBe(10);
  });

  it("gets back what was granted in an answer that nobody took", () => {
    const desk = new Desk();
    const a = holder("a");
    const lost = a.request(10, 10);
    expect(desk.request(lost)).toBe(10);
    expect(ask(desk, a, 4, 10)).toBe(4);
    expect(a.answer(lost.order, 10)).toBeNull();
    expect([a.held, desk.taken]).toEqual([4, 4]);
  });

  it("has a request asked anew that a report overtook", () => {
    const desk = new Desk();
    const a = holder("a");
    const slow = a.request(3, 10);
    desk.report(a.report());
    expect(a.answer(slow.order, desk.request(slow))).toBeNull();
    expect(ask(desk, a, 3, 10)).toBe(3);
  });

  it("ignores what it has heard before", () => {
    const desk = new Desk();
    const a = holder("a");
    const report = a.report();
    const request = a.request(3, 10);
    a.answer(request.order, desk.request(request));
    desk.report(report);
    expect(desk.request(request)).toBeNull();
    expect(desk.taken).toBe(3);
  });

  it("frees the seats of a runtime that fell silent", () => {
    const desk = new Desk();
    expect(ask(desk, holder("a"), 10, 10)).toBe(10);
    desk.now = 15_000;
    expect(ask(desk, holder("b"), 1, 10)).toBe(0);
    desk.now = 15_001;
    expect(ask(desk, holder("c"), 1, 10)).toBe(1);
    expect(Object.keys(desk.table)).toEqual(["b", "c"]);
  });

  it("grants nothing while more are there than a lowered limit allows", () => {
    const desk = new Desk();
    const a = holder("a");
    expect(ask(desk, a, 10, 10)).toBe(10);
    expect(ask(desk, a, 1, 5)).toBe(0);
    a.giveBack(6);
    expect(ask(desk, a, 3, 5)).toBe(1);
  });

  it("is bounded by the number of runtimes", () => {
    const desk = new Desk();
    for (let index = 0; index <= limits.runtimes; index++) {
      expect(ask(desk, holder(`${index}`), 1, 1_000)).toBe(index < limits.runtimes ? 1 : 0);
    }
    expect(desk.taken).toBe(limits.runtimes);
  });
});

type Message = SeatReport | SeatRequest;
interface Answer {
  readonly to: SeatHolder;
  readonly order: number;
  readonly granted: Granted;
}
const max = 12;

function pick<Item>(items: Item[], index: number, keep: boolean): Item | undefined {
  const at = index % Math.max(items.length, 1);
  return keep ? items[at] : items.splice(at, 1)[0];
}

/** Runtimes that join and leave over a net that loses, doubles and reorders messages, none later than half a second. */
class World {
  readonly desk = new Desk();
  readonly #calls: { readonly from: SeatHolder; readonly message: Message }[] = [];
  readonly #answers: Answer[] = [];
  holders = Array.from({ length: 4 }, (_, index) => holder(`r${index}`));
  #born = 4;

  get held(): number {
    return this.holders.reduce((sum, each) => sum + each.held, 0);
  }

  at(index: number): SeatHolder {
    const found = this.holders[index % this.holders.length];
    if (!found) throw new Error("no runtime");
    return found;
  }

  ask(index: number, more: number): void {
    const from = this.at(index);
    this.#calls.push({ from, message: from.request(more, max) });
  }

  report(index: number): void {
    const from = this.at(index);
    this.#calls.push({ from, message: from.report() });
  }

  leave(index: number, count: number): void {
    const from = this.at(index);
    from.giveBack(Math.min(count, from.held));
  }

  /** A runtime dies with its listeners; another takes its place. */
  die(index: number): void {
    const dead = this.at(index);
    this.holders = this.holders.map((each) => (each === dead ? holder(`r${this.#born++}`) : each));
  }

  deliver(index: number, keep: boolean): void {
    const call = pick(this.#calls, index, keep);
    if (!call) return;
    const { from, message } = call;
    if (!("more" in message)) return this.desk.report(message);
    this.#answers.push({ to: from, order: message.order, granted: this.desk.request(message) });
  }

  answer(index: number, keep: boolean): void {
    const answer = pick(this.#answers, index, keep);
    if (answer && this.holders.includes(answer.to)) answer.to.answer(answer.order, answer.granted);
  }

  lose(index: number): void {
    if (index % 2 === 0) pick(this.#calls, index, false);
    else pick(this.#answers, index, false);
  }

  /** The net heals: nothing is under way any more, the dead are forgotten, all have reported. */
  calm(): void {
    this.desk.now += limits.ttlMs + 1;
    for (const each of this.holders) {
      // Whatever it waited for is given up with the next request.
      const request = each.request(0, max);
      each.answer(request.order, this.desk.request(request));
    }
  }
}

describe("seats over a bad net", () => {
  const verbs = { ask: 4, deliver: 6, answer: 6, report: 2, leave: 2, repeat: 2, lose: 1, die: 1 } as const;
  const step = fc.record({
    verb: fc.oneof(
      ...Object.entries(verbs).map(([verb, weight]) => ({ arbitrary: fc.constant(verb), weight })),
    ),
    who: fc.nat(6),
    count: fc.integer({ min: 1, max: 8 }),
  });

  it("never has more listeners than seats, and has one for everybody while there are", () => {
    let full = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
        const world = new World();
        for (const { verb, who, count } of steps) {
          world.desk.now += 1;
          if (verb === "ask") world.ask(who, count);
          else if (verb === "report") world.report(who);
          else if (verb === "leave") world.leave(who, count);
          else if (verb === "die") world.die(who);
          else if (verb === "deliver") world.deliver(who, false);
          else if (verb === "answer") world.answer(who, false);
          else if (verb === "lose") world.lose(who);
          else if (count < 3) world.deliver(who, true);
          else world.answer(who, true);
          expect(world.held).toBeLessThanOrEqual(max);
          if (world.held === max) full++;
        }
        world.calm();
        expect(world.desk.taken).toBe(world.held);
        const free = max - world.held;
        expect(ask(world.desk, world.at(0), max, max)).toBe(free);
      }),
      { numRuns: 1_000 },
    );
    // The limit was reached, or the property says nothing.
    expect(full).toBeGreaterThan(100);
  });
});
