import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, frames, RunningIngest, sourceHead } from "./running-ingest.ts";

let running: RunningIngest;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open();
});
afterEach(() => running.close());

const health = async (): Promise<{ sources: unknown[]; queues: Record<string, unknown> }> => {
  const reply = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
  return JSON.parse(reply.slice(reply.indexOf("\r\n\r\n")));
};

test("one source password gets as many mounts as there may be sources, the next is told so", async () => {
  const sources = await Promise.all(
    ["/1.mp3", "/2.mp3", "/3.mp3"].map(async (mount) => {
      const source = running.connect();
      source.send(sourceHead(mount));
      await source.until(/200 OK/);
      return source;
    }),
  );
  for (let number = 4; number < 8; number++) {
    const reply = await running.exchange(sourceHead(`/${number}.mp3`));
    expect(reply).toMatch(/^HTTP\/1\.0 403 Forbidden\r\n.*too many sources connected$/s);
  }
  expect(running.edge.claims.map(({ mount }) => mount)).toEqual(["/1.mp3", "/2.mp3", "/3.mp3"]);
  sources[0]?.socket.destroy();
  let reply = "";
  while (!reply.startsWith("HTTP/1.0 200")) {
    const source = running.connect();
    source.send(sourceHead("/8.mp3"));
    reply = await source.until(/\r\n\r\n/);
  }
});

test("of a thousand mounts claimed one after the other only those on air are kept", async () => {
  for (let first = 0; first < 1_000; first += 2) {
    const mounts = [`/${first}.mp3`, `/${first + 1}.mp3`];
    await Promise.all(
      mounts.map(async (mount, at) => {
        const source = running.connect();
        source.send(sourceHead(mount));
        if (first % 100 === 0 && at === 0) source.send(frames(60));
        source.socket.end();
        expect(await source.text()).toMatch(/^HTTP\/1\.0 200 OK/);
      }),
    );
    await eventually(() => mounts.every((mount) => running.edge.calls.includes(`release ${mount}`)));
    if (first % 100 !== 0) running.edge.calls.length = 0;
  }
  const last = running.connect();
  last.send(sourceHead("/last.mp3"));
  await last.until(/200 OK/);
  const { sources, queues } = await health();
  expect(sources).toMatchObject([{ mount: "/last.mp3" }]);
  expect(Object.keys(queues).length).toBeLessThanOrEqual(3);
  last.socket.destroy();
  await eventually(() => running.connections === 0);
});
