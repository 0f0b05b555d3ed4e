import { expect, test } from "vitest";
import * as ingest from "../../ingest/limits.ts";
import * as local from "../../local/limits.ts";

test("an edge that hangs does not make the ingest look as if it hung", () => {
  expect(ingest.healthProbeMs).toBeLessThanOrEqual(local.healthTimeoutMs / 2);
});

test("the ingest ends by itself before the stack loses patience, and the stack within 10 s", () => {
  const longestMs = ingest.shutdownPublishMs + ingest.shutdownReleaseMs;
  expect(ingest.releaseAfterMs).toBeLessThan(ingest.shutdownPublishMs);
  expect(longestMs).toBeLessThan(ingest.shutdownMs);
  expect(ingest.shutdownMs).toBeLessThan(local.ingestStopMs);
  expect(local.ingestStopMs + local.edgeStopMs).toBeLessThan(10_000);
});

test("a source has its reply before the least patient client gives up", () => {
  const buttGivesUpMs = 5_000;
  expect(ingest.handoverMs + ingest.claimTimeoutMs).toBeLessThan(buttGivesUpMs);
});
