import { expect, test } from "vitest";
import { PasswordCheck } from "../../../ingest/access/password-check.ts";
import { hashesOfAddress, hashesWaiting, passwordsKept } from "../../../ingest/login-limits.ts";

/** A check whose hashes are the passwords, and that answers when it is told to. */
function held() {
  const waiting: (() => void)[] = [];
  const asked: string[] = [];
  const check = new PasswordCheck(async (password, hash) => {
    asked.push(password);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return password === hash;
  });
  return { check, asked, next: () => waiting.shift()?.() };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("passwords are looked at one at a time, in their order", async () => {
  const { check, asked, next } = held();
  const first = check.matches("a", "a", "192.0.2.1");
  const second = check.matches("b", "x", "192.0.2.2");
  await turn();
  expect(asked).toEqual(["a"]);
  next();
  expect(await first).toBe(true);
  await turn();
  expect(asked).toEqual(["a", "b"]);
  next();
  expect(await second).toBe(false);
});

test("what was found, right or wrong, is not looked for again; who asks meanwhile shares the answer", async () => {
  let asked = 0;
  const check = new PasswordCheck(async (password, hash) => {
    asked++;
    return password === hash;
  });
  const at = (password: string) => check.matches(password, "right", "192.0.2.1");
  expect(await Promise.all([at("right"), at("right"), at("wrong")])).toEqual([true, true, false]);
  expect([await at("right"), await at("wrong")]).toEqual([true, false]);
  expect(asked).toBe(2);
  expect(await check.matches("right", "other hash", "192.0.2.1")).toBe(false);
  for (let index = 0; index <= passwordsKept; index++) await at(`guess ${index}`);
  expect(await at("right")).toBe(true);
  expect(asked).toBe(2 + 1 + passwordsKept + 1 + 1);
});

test("one address keeps nobody else from being looked at, and all together do not wait without end", async () => {
  const { check, next } = held();
  const results: Promise<boolean | "busy">[] = [];
  for (let index = 0; index < hashesOfAddress; index++) {
    results.push(check.matches(`${index}`, "h", "192.0.2.1"));
  }
  expect(await check.matches("one more", "h", "192.0.2.1")).toBe("busy");
  for (let index = hashesOfAddress; index < hashesWaiting; index++) {
    results.push(check.matches(`${index}`, "h", `198.51.100.${index}`));
  }
  expect(await check.matches("of another", "h", "203.0.113.1")).toBe("busy");
  for (const result of results) {
    await turn();
    next();
    expect(await result).toBe(false);
  }
  const later = check.matches("one more", "one more", "192.0.2.1");
  await turn();
  next();
  expect(await later).toBe(true);
});

test("a hash that cannot be read is nobody's password", async () => {
  const check = new PasswordCheck(() => Promise.reject(new Error("no hash")));
  expect(await check.matches("a", "b", "192.0.2.1")).toBe(false);
});
