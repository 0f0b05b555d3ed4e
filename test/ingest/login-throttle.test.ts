import { expect, test } from "vitest";
import {
  throttleAddresses,
  throttleForgetMs,
  throttleMaxMs,
  throttleQueueMs,
} from "../../ingest/login-limits.ts";
import { LoginThrottle } from "../../ingest/login-throttle.ts";

/** When each of `count` wrong passwords, `everyMs` apart, is answered; null for one that is not. */
const answersTo = (
  throttle: LoginThrottle,
  address: (at: number) => string,
  count: number,
  everyMs: number,
) =>
  Array.from({ length: count }, (_, at) => {
    const delayMs = throttle.wrongPassword(address(at), at * everyMs);
    return delayMs === null ? null : at * everyMs + delayMs;
  });

test("the first refusal goes out at once, each one after it is held back longer, up to the limit", () => {
  const throttle = new LoginThrottle();
  const delays = Array.from({ length: 8 }, (_, at) => throttle.refused("a", at * 10));
  expect(delays).toEqual([0, 20, 40, 80, 160, throttleMaxMs, throttleMaxMs, throttleMaxMs]);
});

test("answers to wrong passwords that come at the same moment go out one after the other", () => {
  const throttle = new LoginThrottle();
  expect(answersTo(throttle, () => "a", 8, 0)).toEqual([0, 20, 60, 140, 300, 600, 900, 1_200]);
});

test("a refusal for another reason waits for itself alone, not behind wrong passwords", () => {
  const throttle = new LoginThrottle();
  answersTo(throttle, () => "a", 100, 0);
  expect(throttle.refused("a", 0)).toBe(throttleMaxMs);
});

test("who asks again after each answer is answered each time", () => {
  const throttle = new LoginThrottle();
  let nowMs = 0;
  for (let at = 0; at < 1_000; at++) {
    const delayMs = throttle.wrongPassword("a", nowMs);
    expect(delayMs).not.toBeNull();
    nowMs += delayMs ?? 0;
  }
  expect(nowMs).toBeGreaterThanOrEqual(995 * throttleMaxMs);
});

test.each([
  ["at once", 0, 20],
  ["a hundred in a second", 10, 353],
  ["three in a second", 310, 10_000],
])("of 10,000 wrong passwords %s some are answered, none too soon or too late", (_, everyMs, answered) => {
  const throttle = new LoginThrottle();
  const answers = answersTo(throttle, () => "a", 10_000, everyMs);
  const atMs = answers.filter((answer) => answer !== null);
  const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
  expect(Math.min(...gaps.slice(5))).toBeGreaterThanOrEqual(throttleMaxMs);
  const waits = answers.map((answer, at) => (answer === null ? 0 : answer - at * everyMs));
  expect(Math.max(...waits)).toBeLessThanOrEqual(throttleQueueMs);
  expect(atMs).toHaveLength(answered);
});

test("10,000 wrong passwords from all over one /64 are those of one address", () => {
  const one = answersTo(new LoginThrottle(), () => "2001:db8::1", 10_000, 1);
  const many = answersTo(new LoginThrottle(), (at) => `2001:db8::${(at * 7).toString(16)}`, 10_000, 1);
  expect(many).toEqual(one);
});

test("addresses are held apart, and a refusal is forgotten after a while", () => {
  const throttle = new LoginThrottle();
  answersTo(throttle, () => "a", 10_000, 0);
  expect(throttle.wrongPassword("b", 0)).toBe(0);
  expect(throttle.wrongPassword("2001:db8::1", 0)).toBe(0);
  expect(throttle.wrongPassword("2001:db8:0:1::1", 0)).toBe(0);
  expect(throttle.wrongPassword("a", 0)).toBeNull();
  expect(throttle.wrongPassword("a", throttleForgetMs)).toBe(0);
});

test("of more addresses than are remembered the longest unseen goes first", () => {
  const throttle = new LoginThrottle();
  for (let at = 0; at <= throttleAddresses; at++) throttle.refused(String(at), 0);
  expect(throttle.refused("1", 0)).toBe(20);
  expect(throttle.refused("0", 0)).toBe(0);
});
