import { once } from "node:events";
import * as net from "node:net";
import { expect, test } from "vitest";
import { openLog } from "../../ingest/log.ts";
import { MountTable } from "../../ingest/mount-table.ts";
import { SegmentPublisher } from "../../ingest/segment-publisher.ts";
import { SourceIntake } from "../../ingest/source-intake.ts";
import type { Codec } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { epoch } from "../../shared/units.ts";

const mount = mountPath("/m");
const info = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" };

/** An intake before an edge that grants every claim once `granted` resolves. */
function openIntake(codec: Codec, granted = Promise.resolve()) {
  const lines: string[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const calls: string[] = [];
  const edge = {
    claim: async () => {
      calls.push("claim");
      await granted;
      return { kind: "claimed", epoch: epoch(1), gapMs: null } as const;
    },
    announce: async () => "ok" as const,
    renew: async () => "ok" as const,
    release: async (hold: { mount: string; epoch: number }) => {
      calls.push(`release ${hold.mount} ${hold.epoch}`);
      return "ok" as const;
    },
  };
  const store = { put: async () => "stored" as const };
  const { extension, contentType } = mp3;
  const mounts = new MountTable(
    () => 1,
    () => new SegmentPublisher({ mount, extension, contentType, store, announcer: edge, log }),
  );
  const limits = { segmentMs: 500, burstMs: 4_000, graceMs: 15_000, sourceTimeoutMs: 10_000 };
  const intake = new SourceIntake({ mounts, edge, codec, ingestId: "i", rules: new Map(), limits, log });
  return { intake, mounts, lines, calls };
}

test("a source whose claim comes through while the ingest stops is refused, its mount given back", async () => {
  const grant = Promise.withResolvers<void>();
  const { intake, mounts, calls } = openIntake(mp3, grant.promise);
  const admitted = intake.admit({ mount, credential: "c", info }, new net.Socket());
  while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const stopped = intake.stop();
  grant.resolve();
  expect(await admitted).toBe("edge-unavailable");
  await stopped;
  expect(calls).toEqual(["claim", "release /m 1"]);
  expect(mounts.isHeld(mount)).toBe(false);
});

test("nobody is admitted once the ingest stops", async () => {
  const { intake, calls } = openIntake(mp3);
  await intake.stop();
  expect(await intake.admit({ mount, credential: "c", info }, new net.Socket())).toBe("edge-unavailable");
  expect(calls).toEqual([]);
});

test("an unforeseen error in one source's bytes ends that source, is logged, and goes no further", async () => {
  const counts = { frames: 0, garbageBytes: 0, tagBytes: 0, infoFrames: 0, resyncs: 0 };
  const broken = {
    ...mp3,
    createParser: () => ({
      counts,
      flush: () => [],
      push: () => {
        throw new RangeError("a defect");
      },
    }),
  };
  const { intake, mounts, lines, calls } = openIntake(broken);
  const serve = async (socket: net.Socket): Promise<void> => {
    const session = await intake.admit({ mount, credential: "c", info }, socket);
    if (typeof session === "string") throw new Error(session);
    intake.stream(socket, session, { kind: "until-close" }, new Uint8Array(0));
  };
  const server = net.createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    (socket) => void serve(socket),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const client = net.connect({
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    host: "127.0.0.1",
  });
  client.write("anything");
  client.resume();
  await once(client, "end");
  expect(lines.join("")).toContain('"msg":"source failed"');
  expect(lines.join("")).toContain("a defect");
  expect(mounts.isHeld(mount)).toBe(false);
  expect(calls).toEqual(["claim", "release /m 1"]);
  server.close();
});
