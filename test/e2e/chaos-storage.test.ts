import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseSegmentKey } from "../../shared/object-format.ts";
import { bucketOf } from "../support/bucket.ts";
import { openMpg123Wasm } from "../support/decoders.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { listen } from "../support/listen.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const decode = await openMpg123Wasm();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

it("a segment that storage has lost is skipped: whole frames, a primer, everybody goes on", async () => {
  const mount = "/lost.mp3";
  const file = `${fixtures}/cbr128-joint44.mp3`;
  const list = new FrameList(framesOf(file));
  const source = await streamMp3(stack.ingestPort, mount, file, { password: stack.password });
  const bucket = bucketOf(stack);
  const keys = await waitFor("four segments", async () => {
    const stored = await bucket.keys(mount);
    return stored.length >= 4 && stored;
  });
  const lost = keys[1] ?? "";
  expect(parseSegmentKey(lost).sequence).toBe(1);
  const [start, end] = await Promise.all(
    keys.slice(0, 2).map(async (key) => {
      const { runs } = splicedRuns((await bucket.object(key)).body, list);
      return (runs[0]?.last ?? 0) + 1;
    }),
  );
  if (start === undefined || end === undefined) throw new Error("expected two segments");
  // The next runtime has nothing in memory: it has to ask storage.
  const old = stack.pidOf("workerd");
  stack.kill("workerd");
  await waitFor("the next runtime", async () => {
    if (stack.pidOf("workerd") === old) return false;
    return fetch(`${stack.edgeUrl}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  const { url, accessKeyId, secretAccessKey } = bucketOf(stack);
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: 0 });
  expect((await client.fetch(`${url}/${lost}`, { method: "DELETE" })).ok).toBe(true);

  const listener = await listen(`${stack.edgeUrl}${mount}?burst=60`);
  const { runs } = await waitFor(`two more segments after ${lost}\n${stack.log()}`, () => {
    const spliced = splicedRuns(listener.bytes(), list);
    return (spliced.runs.at(-1)?.last ?? 0) > 3 * end - 2 * start && spliced;
  });
  expect(runs).toEqual([
    { first: 0, last: start - 1, primers: 0 },
    { first: end, last: expect.any(Number), primers: 1 },
  ]);
  expect((await decode(listener.bytes())).complaints).toEqual([]);
  expect(source.socket.destroyed).toBe(false);
  listener.close();
  source.destroy();
});
