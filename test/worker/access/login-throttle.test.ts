import { describe, expect, it } from "vitest";
import { AccountThrottle } from "../../../worker/access/account-throttle.ts";
import { accountTries, addressTries } from "../../../worker/access/limits.ts";
import { LoginThrottle } from "../../../worker/access/login-throttle.ts";

const limits = { free: 3, firstMs: 1_000, maxMs: 8_000, forgetMs: 60_000, keys: 100 };
const key = "192.0.2.1";

/** Waits of so many wrong tries, each made as soon as it may be. */
function waits(throttle: LoginThrottle, tries: number): number[] {
  let nowMs = 0;
  return Array.from({ length: tries }, () => {
    const waitMs = throttle.waitMs(key, nowMs);
    nowMs += waitMs;
    throttle.count(key, nowMs);
    return waitMs;
  });
}

describe("wrong passwords", () => {
  it("cost nothing at first, then twice as long each time, up to a bound", () => {
    expect(waits(new LoginThrottle(limits), 9)).toEqual([0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000, 8_000]);
  });

  it("are forgotten after a while without any", () => {
    const throttle = new LoginThrottle(limits);
    waits(throttle, 6);
    const quietMs = limits.forgetMs + 10_000;
    expect(throttle.waitMs(key, quietMs)).toBe(0);
    throttle.count(key, quietMs);
    expect(throttle.waitMs(key, quietMs)).toBe(0);
  });

  it("count from their beginning: a hundred at once are not free", () => {
    const throttle = new LoginThrottle(limits);
    const entered = Array.from({ length: 100 }, () => {
      if (throttle.waitMs(key, 0) > 0) return false;
      throttle.count(key, 0);
      return true;
    });
    expect(entered.filter(Boolean)).toHaveLength(limits.free + 1);
  });

  it("stay counted when another login of the same address was right", () => {
    const throttle = new LoginThrottle(limits);
    for (let round = 0; round < limits.free; round++) {
      throttle.count(key, 0);
      throttle.count(key, 0);
      throttle.right(key, 0);
    }
    throttle.count(key, 0);
    expect(throttle.waitMs(key, 0)).toBe(limits.firstMs);
  });

  it("keep nobody out for longer when the clock is put back", () => {
    const throttle = new LoginThrottle(limits);
    for (let tries = 0; tries < 9; tries++) throttle.count(key, 3_600_000);
    expect(throttle.waitMs(key, 0)).toBe(0);
  });

  it("are kept of so many only, the latest", () => {
    const throttle = new LoginThrottle(limits);
    for (let tries = 0; tries < 4; tries++) throttle.count("first", 0);
    for (let at = 0; at < limits.keys; at++) throttle.count(`later ${at}`, 0);
    expect(throttle.size).toBe(limits.keys);
    expect(throttle.waitMs("first", 0)).toBe(0);
  });
});

describe("guessing", () => {
  const tried = { account: "user admin", address: "192.0.2.1", known: false };
  const times = (count: number, each: (index: number) => number) =>
    Array.from({ length: count }, (_, at) => each(at));

  it("from one address is slowed, whatever the accounts, and others are not", () => {
    const throttle = new AccountThrottle();
    times(addressTries.free + 1, (at) => throttle.enter({ ...tried, account: `user ${at}` }, 0));
    expect(throttle.enter({ ...tried, account: "user other" }, 0)).toBe(addressTries.firstMs);
    expect(throttle.enter({ ...tried, account: "user other", address: "192.0.2.2" }, 0)).toBe(0);
  });

  it("of one account is slowed, from however many addresses", () => {
    const throttle = new AccountThrottle();
    const waitsMs = times(1_000, (at) => throttle.enter({ ...tried, address: `2001:db8:0:${at}::/64` }, 0));
    expect(waitsMs.filter((waitMs) => waitMs === 0)).toHaveLength(accountTries.free + 1);
    expect(throttle.enter({ ...tried, account: "user carol", address: "192.0.2.9" }, 0)).toBe(0);
  });

  it("of accounts that do not exist goes no further than of one that does", () => {
    const throttle = new AccountThrottle();
    const waitsMs = times(100_000, (at) =>
      throttle.enter({ account: `user ${at}`, address: null, known: false }, 0),
    );
    const looked = waitsMs.filter((waitMs) => waitMs === 0);
    expect(looked).toHaveLength(accountTries.keys * (accountTries.free + 1));
  });

  it("keeps nobody out who has logged in from another address before", () => {
    const throttle = new AccountThrottle();
    times(1_000, (at) => throttle.enter({ ...tried, address: `2001:db8:0:${at}::/64` }, 0));
    expect(throttle.enter({ ...tried, address: "192.0.2.8" }, 0)).toBeGreaterThan(0);
    expect(throttle.enter({ ...tried, address: "192.0.2.8", known: true }, 0)).toBe(0);
  });

  it("from the address of somebody who has logged in there keeps him waiting for a second", () => {
    const throttle = new AccountThrottle();
    times(1_000, (at) => throttle.enter({ ...tried, known: true }, 100 * at));
    expect(throttle.enter({ ...tried, known: true }, 100_000)).toBeLessThanOrEqual(1_000);
  });
});
