import { expect, test } from "vitest";
import { openLog, reasonOf } from "../../ingest/log.ts";

test("an object that carries secrets along leaves them out of the line, two levels deep", () => {
  const lines: string[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const secrets = { password: "s1", pass: "s2", authorization: "s3", token: "s4", secretAccessKey: "s5" };
  log.info({ ...secrets, settings: { ...secrets, storage: secrets } }, "hello");
  log.child({ settings: secrets }).warn({}, "child");
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).not.toMatch(/s[1-5]/);
});

test("lines are JSON with a level, a time and the message", () => {
  const lines: string[] = [];
  openLog("info", { write: (line) => void lines.push(line) }).info({ mount: "/m" }, "source on air");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: 30,
    name: "ingest",
    mount: "/m",
    msg: "source on air",
  });
});

test("a reason is never empty", () => {
  const refused = Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" });
  expect(reasonOf(refused)).toBe("ECONNREFUSED");
  expect(reasonOf(new Error("no answer in time"))).toBe("no answer in time");
  expect(reasonOf("plain")).toBe("plain");
});
