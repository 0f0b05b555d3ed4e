import { expect, test } from "vitest";
import { parseStreamList } from "../../../ingest/relay/master-list.ts";

test("each line is a mount, and what cannot be one here is left out", () => {
  expect(parseStreamList("/a.mp3\r\n/b.mp3\r\n\r\n/a.mp3\n/admin/x\r\nno slash\r\n/../x\r\n")).toEqual([
    "/a.mp3",
    "/b.mp3",
  ]);
});

test("a master has a thousand streams at most", () => {
  expect(parseStreamList(Array.from({ length: 2_000 }, (_, index) => `/${index}`).join("\n")).length).toBe(
    1_000,
  );
});
