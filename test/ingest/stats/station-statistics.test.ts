import { afterEach, beforeEach, expect, test } from "vitest";
import { StationQuestions } from "../../../ingest/stats/station-statistics.ts";
import { FakeEdge } from "../fake-edge.ts";
import { eventually } from "../running-ingest.ts";

let edge: FakeEdge;
let now: number;
let questions: StationQuestions;
beforeEach(async () => {
  edge = new FakeEdge();
  await edge.open();
  now = 0;
  questions = new StationQuestions({ edgeUrl: edge.url, ingestToken: edge.token, now: () => now });
});
afterEach(() => edge.close());

test("an edge that takes its time is asked once, whoever waits for how long", async () => {
  const replies: (() => void)[] = [];
  edge.onRequest = (_, response) =>
    void replies.push(() => response.end(JSON.stringify({ global: {}, sources: {} })));
  const first = questions.statistics();
  now = 5_000;
  const second = questions.statistics();
  await eventually(() => replies.length > 0);
  replies[0]?.();
  expect(await first).toEqual(await second);
  expect(replies).toHaveLength(1);
  void questions.statistics();
  await eventually(() => replies.length === 2);
  replies[1]?.();
});

test("a batch of records with all that clients may put into them is taken", async () => {
  const text = '"'.repeat(4_096);
  const record = {
    id: 1,
    mount: "/a.mp3",
    address: null,
    userAgent: text,
    referer: text,
    country: null,
    user: null,
    request: text,
    startedMs: 0,
    endedMs: 1,
    bytesSent: 1,
  };
  const records = Array.from({ length: 200 }, (_, index) => ({ ...record, sequence: index + 1 }));
  edge.onRequest = (_, response) => void response.end(JSON.stringify({ records }));
  expect(await questions.records(0)).toHaveLength(200);
});
