import { once } from "node:events";
import * as net from "node:net";
import { expect, test } from "vitest";
import { openLog } from "../../ingest/log.ts";
import { MountTable } from "../../ingest/mount-table.ts";
import { SegmentPublisher } from "../../ingest/segment-publisher.ts";
import { SourceIntake } from "../../ingest/source-intake.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { epoch } from "../../shared/units.ts";

test("an unforeseen error in one source's bytes ends that source, is logged, and goes no further", async () => {
  const lines: string[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const released: string[] = [];
  const edge = {
    claim: async () => ({ kind: "claimed", epoch: epoch(1) }) as const,
    announce: async () => "ok" as const,
    renew: async () => "ok" as const,
    release: async ({ mount }: { mount: string }) => {
      released.push(mount);
      return "ok" as const;
    },
  };
  const store = { put: async () => "stored" as const };
  const mounts = new MountTable(
    1,
    (mount) =>
      new SegmentPublisher({
        mount,
        extension: "mp3",
        contentType: "audio/mpeg",
        store,
        announcer: edge,
        log,
      }),
  );
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
  const limits = { segmentMs: 500, sourceTimeoutMs: 10_000 };
  const intake = new SourceIntake({ mounts, edge, codec: broken, ingestId: "i", ...limits, log });
  const mount = mountPath("/m");
  const info = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" };
  const serve = async (socket: net.Socket): Promise<void> => {
    const session = await intake.admit({ mount, info }, socket);
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
  expect(released).toEqual(["/m"]);
  server.close();
});
