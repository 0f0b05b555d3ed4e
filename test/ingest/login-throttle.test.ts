import { expect, test } from "vitest";
import { throttleAddresses, throttleForgetMs, throttleMaxMs } from "../../ingest/limits.ts";
import { LoginThrottle } from "../../ingest/login-throttle.ts";

test("the first refusal goes out at once, each one after it is held back longer, up to the limit", () => {
  const throttle = new LoginThrottle();
  const delays = Array.from({ length: 8 }, (_, at) => throttle.refused("a", at * 10));
  expect(delays).toEqual([0, 20, 40, 80, 160, throttleMaxMs, throttleMaxMs, throttleMaxMs]);
});

test("addresses are held apart, and a refusal is forgotten after a while", () => {
  const throttle = new LoginThrottle();
  throttle.refused("a", 0);
  expect(throttle.refused("b", 0)).toBe(0);
  expect(throttle.refused("a", throttleForgetMs)).toBe(0);
});

test("of more addresses than are remembered the longest unseen goes first", () => {
  const throttle = new LoginThrottle();
  for (let at = 0; at <= throttleAddresses; at++) throttle.refused(String(at), 0);
  expect(throttle.refused("1", 0)).toBe(20);
  expect(throttle.refused("0", 0)).toBe(0);
});
