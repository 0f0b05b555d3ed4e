import * as net from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RelayRunner } from "../../../ingest/relay/relay-runner.ts";
import { Relays } from "../../../ingest/relay/relays.ts";
import type { SourceSession } from "../../../ingest/source-session.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { eventually } from "../running-ingest.ts";

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const log = { ...silent, child: () => log };
const mount = mountPath("/m.mp3");

let server: net.Server;
let relays: Relays;
/** What became of the sessions, in order. */
let happened: string[];
let listeners: string;
/** The edge does not tell. */
let edgeFails: boolean;
/** The edge takes so long for a claim. */
let claimed: Promise<void>;

beforeEach(async () => {
  happened = [];
  listeners = "0";
  edgeFails = false;
  claimed = Promise.resolve();
  server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n");
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const session: Pick<SourceSession, "mount" | "push" | "setTitle" | "end"> = {
    mount,
    push: () => 0,
    setTitle: () => undefined,
    end: async (reason) => void happened.push(reason),
  };
  relays = new Relays({
    intake: {
      admit: async () => {
        await claimed;
        happened.push("on air");
        return session as SourceSession;
      },
    },
    mounts: { isHeld: () => false },
    codec: mp3,
    sourceTimeoutMs: () => 60_000,
    ownPorts: () => [],
    userAgent: "test",
    log,
    statistics: async () => {
      if (edgeFails) throw new Error("down");
      return { global: {}, sources: { [mount]: { listeners } } };
    },
    listenersOnAir: () => null,
    demand: { pollMs: 10, lingerMs: 50, waitMs: 100 },
    timing: { retryFirstMs: 10, retryMaxMs: 20, steadyMs: 10, yieldMs: 10 },
  });
  relays.change({ relays: [{ url: `http://127.0.0.1:${port}/x`, mount, titles: true, onDemand: true }] });
});
afterEach(async () => {
  await relays.stop();
  await new Promise((resolve) => server.close(resolve));
});

it("is left when nobody has listened for a while, and fetched again when somebody does", async () => {
  listeners = "1";
  await eventually(() => happened.length === 1);
  listeners = "0";
  await eventually(() => happened.length === 2);
  listeners = "2";
  await eventually(() => happened.length === 3);
  expect(happened).toEqual(["on air", "nobody listens", "on air"]);
});

it("is kept while the edge does not tell who listens", async () => {
  listeners = "1";
  await eventually(() => happened.length === 1);
  edgeFails = true;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(happened).toEqual(["on air"]);
});

it("is waited for by who asks, and once it is there nobody waits", async () => {
  const waiting = relays.summon(mount);
  expect(waiting).not.toBeNull();
  await waiting;
  expect(happened).toEqual(["on air"]);
  expect(relays.summon(mount)).toBeNull();
  expect(relays.summon(mountPath("/other"))).toBeNull();
});

it("says goodbye when the ingest stops", async () => {
  await relays.summon(mount);
  await relays.stop();
  expect(happened).toEqual(["on air", "the ingest is stopping"]);
});

it("is left at once when the last listener went while the mount was being claimed", async () => {
  const granted = Promise.withResolvers<void>();
  claimed = granted.promise;
  listeners = "1";
  void relays.summon(mount);
  await new Promise((resolve) => setTimeout(resolve, 100));
  listeners = "0";
  await new Promise((resolve) => setTimeout(resolve, 200));
  granted.resolve();
  await eventually(() => happened.length === 2);
  expect(happened).toEqual(["on air", "nobody listens"]);
});

it("keeps nothing of those who waited in vain", async () => {
  const runner = new RelayRunner(
    { url: "http://127.0.0.1:1/x", mount, titles: true, onDemand: true },
    {
      intake: { admit: async () => "mount-in-use" },
      mounts: { isHeld: () => true },
      codec: mp3,
      sourceTimeoutMs: () => 1,
      ownPorts: () => [],
      userAgent: "test",
      log,
    },
  );
  const waiting = Array.from({ length: 100 }, () => runner.arrival(10));
  expect(runner.waiting).toBe(100);
  await Promise.all(waiting);
  expect(runner.waiting).toBe(0);
});
