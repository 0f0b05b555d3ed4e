import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mountPath } from "../../../shared/mount-path.ts";
import type { Host } from "../../../worker/mount-feed.ts";
import { IndexPages } from "../../../worker/archive/index-pages.ts";
import { pageMs } from "../../../worker/archive/limits.ts";

const mount = mountPath("/live.mp3");
const page = { segments: [], next: null, isSettled: false };
const answerMs = 50;

/** A request that may end: what it asked is answered only where it is kept alive for that. */
function request(asked: { count: number }) {
  const kept: Promise<unknown>[] = [];
  const archive = {
    page: () => {
      asked.count++;
      return new Promise((resolve) =>
        setTimeout(() => {
          if (kept.length > 0) resolve(page);
        }, answerMs),
      );
    },
  };
  const env = { ARCHIVE: { getByName: () => archive } };
  return { env, keepAlive: (work: Promise<unknown>) => kept.push(work) } as unknown as Host;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("a page that is asked for is there for the others though the listener who asked has gone", async () => {
  const asked = { count: 0 };
  const pages = new IndexPages();
  const number = Math.floor(Date.now() / pageMs);
  void pages.page(mount, number, request(asked)).catch(() => undefined);
  const answered: unknown[] = [];
  void pages.page(mount, number, request(asked)).then((found) => answered.push(found));
  await vi.advanceTimersByTimeAsync(answerMs + 10);
  expect(answered).toEqual([page]);
  void pages.page(mount, number, request(asked)).then((found) => answered.push(found));
  await vi.advanceTimersByTimeAsync(10);
  expect(answered).toEqual([page, page]);
  expect(asked.count).toBe(1);
});
