import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loginLogLines, loginLogMs, throttleForgetMs } from "../../ingest/login-limits.ts";
import { LoginLog } from "../../ingest/login-log.ts";

let lines: unknown[];
let log: LoginLog;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  lines = [];
  log = new LoginLog({ warn: (...line: unknown[]) => void lines.push(line) });
});
afterEach(() => {
  vi.useRealTimers();
});

const wrong = (address: string, mount?: string) =>
  log.refused(address, mount, () => lines.push([address, mount]));
const count = (refused: number, addresses: number) => [{ refused, addresses }, "more logins refused"];

test("the first wrong password of an address is told, of the next thousands a count every ten seconds", () => {
  for (let seconds = 0; seconds < 35; seconds++) {
    for (let times = 0; times < 100; times++) wrong("192.0.2.1", "/m");
    vi.advanceTimersByTime(1_000);
  }
  expect(lines).toEqual([["192.0.2.1", "/m"], count(999, 1), count(1_000, 1), count(1_000, 1)]);
  vi.advanceTimersByTime(loginLogMs);
  expect(lines.at(-1), "the rest when they have ended").toEqual(count(500, 1));
  vi.advanceTimersByTime(10 * loginLogMs);
  expect(lines).toHaveLength(5);
});

test("each address and each mount is told by itself", () => {
  wrong("192.0.2.1", "/m");
  wrong("192.0.2.2", "/m");
  wrong("192.0.2.2", "/other");
  wrong("192.0.2.2");
  expect(lines).toHaveLength(4);
});

test("addresses and mounts without end get no more lines than one would", () => {
  for (let at = 0; at < 1_000; at++) wrong(`192.0.2.${at % 200}`, `/m${at}`);
  expect(lines).toHaveLength(loginLogLines);
  vi.advanceTimersByTime(loginLogMs);
  expect(lines.at(-1)).toEqual(count(1_000 - loginLogLines, 200));
});

test("an address that comes back after a while is told again", () => {
  wrong("192.0.2.1", "/m");
  vi.advanceTimersByTime(throttleForgetMs);
  wrong("192.0.2.1", "/m");
  expect(lines).toEqual([
    ["192.0.2.1", "/m"],
    ["192.0.2.1", "/m"],
  ]);
});
