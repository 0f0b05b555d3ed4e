import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MountPath } from "../../../shared/units.ts";
import { HlsFeed } from "../../../worker/hls/hls-feed.ts";
import type { HlsAnswer, HlsQuestion } from "../../../worker/hls/hls-object.ts";
import type { Host } from "../../../worker/mount-feed.ts";

vi.mock("cloudflare:workers", () => ({ DurableObject: Object }));

const entry = (number: number) => ({ number, durationMs: 2_000 }) as HlsAnswer["entries"][number];

function object() {
  const questions: HlsQuestion[] = [];
  const answers: ((answer: HlsAnswer | Error) => void)[] = [];
  const timeline = (question: HlsQuestion): Promise<HlsAnswer> => {
    questions.push(question);
    return new Promise((resolve, reject) => {
      answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    });
  };
  const env = { HLS: { getByName: () => ({ timeline }) } };
  const host = { env, hostname: "station.test", keepAlive: () => undefined } as unknown as Host;
  return { questions, answers, host };
}

const answer = (numbers: readonly number[], next: number, more: Partial<HlsAnswer> = {}): HlsAnswer => ({
  next,
  oldest: 0,
  entries: numbers.map(entry),
  breaksBefore: 0,
  targetSeconds: 2,
  isEnded: false,
  key: "key",
  refused: [],
  unknown: [],
  ...more,
});

describe("the timeline of HLS in an isolate", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("does not go back when the older of two answers comes last, and hears who was ended all the same", async () => {
    const { answers, host } = object();
    const feed = new HlsFeed("/live.mp3" as MountPath);
    const first = feed.view(host);
    feed.forget();
    const second = feed.view(host);
    answers[1]?.(answer([0, 1, 2], 3));
    await second;
    answers[0]?.(answer([0, 1], 2, { refused: ["a"] }));
    await vi.advanceTimersByTimeAsync(10);
    expect((await first)?.timeline.entries.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(feed.stateOf("a")).toBe("refused");
  });

  it("begins anew with another object's numbers", async () => {
    const { answers, host } = object();
    const feed = new HlsFeed("/live.mp3" as MountPath);
    const first = feed.view(host);
    answers[0]?.(answer([0, 1, 2], 3));
    await first;
    feed.forget();
    const second = feed.view(host);
    answers[1]?.(answer([0], 1, { key: "another" }));
    expect((await second)?.timeline.next).toBe(1);
  });

  it("tells of a listener again when a question failed, with the playlist that it follows", async () => {
    const { questions, answers, host } = object();
    const feed = new HlsFeed("/live.mp3" as MountPath);
    feed.touch("a", 100, 10);
    feed.touch("a", 50);
    const first = feed.view(host);
    answers[0]?.(new Error("the object was reset"));
    await vi.advanceTimersByTimeAsync(10);
    await first;
    const second = feed.view(host);
    answers[1]?.(answer([0], 1));
    await second;
    expect(
      questions.map(({ touches }) => touches.map(({ bytes, targetSeconds }) => [bytes, targetSeconds])),
    ).toEqual([[[150, 10]], [[150, 10]]]);
  });
});
