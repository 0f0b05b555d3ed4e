import { once } from "node:events";
import * as net from "node:net";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { lineOf } from "../../ingest/client-socket.ts";
import { openLog } from "../../ingest/log.ts";
import { MountTable } from "../../ingest/mount-table.ts";
import { type SegmentObject, SegmentPublisher } from "../../ingest/segment-publisher.ts";
import { type IntakeOptions, SourceIntake } from "../../ingest/source-intake.ts";
import { SourceEvents } from "../../ingest/source-events.ts";
import type { SourceSession } from "../../ingest/source-session.ts";
import type { Codec } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { Announcement, Claim, Hold } from "../../shared/edge-api.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { Takeover } from "../../shared/mount-state.ts";
import { epoch } from "../../shared/units.ts";
import { eventually, frames } from "./running-ingest.ts";

const mount = mountPath("/m");
const info = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" };

const login = { user: null, credential: "c", tenure: null };
const held = { kind: "ok", reply: { orders: [] } } as const;

type ClaimResult = Awaited<ReturnType<IntakeOptions["edge"]["claim"]>>;

/** An intake before an edge that fences as mounts do, and grants every claim unless `answer` says otherwise. */
function openIntake(
  codec: Codec,
  { answer, takeover = "same-credentials" }: { answer?: () => Promise<void>; takeover?: Takeover } = {},
) {
  const lines: string[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const calls: string[] = [];
  const takeovers: Takeover[] = [];
  let newest = 0;
  const heard = (call: string, of: number) => {
    calls.push(of === newest ? call : `${call} (fenced)`);
    return of === newest ? held : ({ kind: "fenced", reason: "a newer epoch" } as const);
  };
  const edge = {
    claim: async (claim: Claim): Promise<ClaimResult> => {
      calls.push("claim");
      takeovers.push(claim.takeover);
      await answer?.();
      return { kind: "claimed", epoch: epoch(++newest), gapMs: null };
    },
    announce: async ({ segment }: Announcement) =>
      heard(`announce ${segment.epoch}/${segment.sequence}`, segment.epoch),
    renew: async () => held,
    release: async (hold: Hold) => heard(`release ${hold.mount} ${hold.epoch}`, hold.epoch),
  };
  const stored: Uint8Array[] = [];
  const store = {
    put: async (_: string, { body }: SegmentObject) => {
      stored.push(body);
      return "stored" as const;
    },
  };
  const { extension, contentType } = mp3;
  const mounts = new MountTable(
    () => 1,
    () => new SegmentPublisher({ mount, extension, contentType, store, announcer: edge, log }),
  );
  const limits = { segmentMs: 500, burstMs: 4_000, graceMs: 15_000, sourceTimeoutMs: 10_000 };
  const rules = new Map([[mount, { takeover }]]);
  const events = new SourceEvents(log);
  const intake = new SourceIntake({ mounts, edge, codec, ingestId: "i", rules, limits, events, log });
  const admit = (socket = new net.Socket(), credential = "c") =>
    intake.admit({ mount, login: { ...login, credential }, info }, lineOf(socket));
  /** A source that is on air. */
  const onAir = async (socket?: net.Socket): Promise<SourceSession> => {
    const session = await admit(socket);
    if (typeof session === "string") throw new Error(session);
    return session;
  };
  return { intake, mounts, lines, calls, takeovers, stored, admit, onAir };
}

test("a source whose claim comes through while the ingest stops is refused, its mount given back", async () => {
  const grant = Promise.withResolvers<void>();
  const { intake, mounts, calls } = openIntake(mp3, { answer: () => grant.promise });
  const admitted = intake.admit({ mount, login, info }, lineOf(new net.Socket()));
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
  expect(await intake.admit({ mount, login, info }, lineOf(new net.Socket()))).toBe("edge-unavailable");
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
    const session = await intake.admit({ mount, login, info }, lineOf(socket));
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

/** Resolves when what can be done without the passing of time is done. */
const settled = () => vi.advanceTimersByTimeAsync(0);

describe("a mount with a source on air", () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  const useClock = () => vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });

  it("is its source's until the claim of the next is granted, which what it has sent is heard before", async () => {
    const grant = Promise.withResolvers<void>();
    let claims = 0;
    const answer = () => (++claims === 1 ? Promise.resolve() : grant.promise);
    const { mounts, calls, stored, admit, onAir } = openIntake(mp3, { answer, takeover: "always" });
    const [socket, nextSocket] = [new net.Socket(), new net.Socket()];
    const first = await onAir(socket);
    first.push(frames(5));
    const admitted = admit(nextSocket);
    await eventually(() => claims === 2);
    expect(calls).toEqual(["claim", "announce 1/0", "claim"]);
    expect(mounts.session(mount)).toBe(first);
    expect(socket.destroyed).toBe(false);
    // It goes on sending, and that is kept though nobody is told of it any more.
    first.push(frames(3, 5));
    grant.resolve();
    const next = await admitted;
    if (typeof next === "string") throw new Error(next);
    expect(mounts.session(mount)).toBe(next);
    expect([socket.destroyed, nextSocket.destroyed]).toEqual([true, false]);
    next.push(frames(30, 100));
    await eventually(() => calls.includes("announce 2/0"));
    expect(calls.slice(3)).toEqual(["announce 1/1 (fenced)", "announce 2/0"]);
    expect(Buffer.concat(stored.slice(0, 2)).equals(frames(8))).toBe(true);
    expect(nextSocket.destroyed).toBe(false);
    await next.end("over");
  });

  it("stays its source's when the claim of the next fails, as often as it comes", async () => {
    let claims = 0;
    const answer = async () => {
      if (++claims > 1) throw new Error("no answer");
    };
    const { mounts, calls, stored, admit, onAir } = openIntake(mp3, { answer, takeover: "always" });
    const socket = new net.Socket();
    const first = await onAir(socket);
    for (let round = 0; round < 3; round++) {
      first.push(frames(5, 5 * round));
      expect(await admit()).toBe("edge-unavailable");
    }
    expect(mounts.session(mount)).toBe(first);
    expect(socket.destroyed).toBe(false);
    first.push(frames(5, 15));
    await first.end("over");
    expect(calls.at(-1)).toBe("release /m 1");
    expect(Buffer.concat(stored).equals(frames(20))).toBe(true);
    expect(mounts.isHeld(mount)).toBe(false);
  });

  it("is the next one's when its source ends while that is being let in", async () => {
    const grant = Promise.withResolvers<void>();
    let claims = 0;
    const answer = () => (++claims === 1 ? Promise.resolve() : grant.promise);
    const { mounts, admit, onAir } = openIntake(mp3, { answer, takeover: "always" });
    const first = await onAir();
    const admitted = admit();
    const arriving = mounts.arriving(mount);
    await first.end("over");
    expect(mounts.session(mount)).toBeNull();
    expect(await admit()).toBe("mount-arriving");
    grant.resolve();
    const next = await admitted;
    expect(mounts.session(mount)).toBe(next);
    expect(await arriving).toBe(next);
  });

  it("keeps a title update for its source when the next one is not let in", async () => {
    const grant = Promise.withResolvers<void>();
    let claims = 0;
    const answer = () => (++claims === 1 ? Promise.resolve() : grant.promise);
    const { mounts, admit, onAir } = openIntake(mp3, { answer, takeover: "always" });
    const first = await onAir();
    const admitted = admit();
    const arriving = mounts.arriving(mount);
    grant.reject(new Error("no answer"));
    expect(await admitted).toBe("edge-unavailable");
    expect(await arriving).toBe(first);
  });

  it("is granted to one at a time: the same login may try again, another finds it in use", async () => {
    const grant = Promise.withResolvers<void>();
    const { calls, admit } = openIntake(mp3, { answer: () => grant.promise });
    const admitted = admit();
    expect(await admit()).toBe("mount-arriving");
    expect(await admit(new net.Socket(), "another")).toBe("mount-in-use");
    grant.resolve();
    expect(await admitted).not.toBeTypeOf("string");
    expect(calls).toEqual(["claim"]);
  });

  it("is not taken over from a source that sends every three seconds, before it misses its time", async () => {
    useClock();
    const { intake, onAir } = openIntake(mp3);
    const session = await onAir();
    const refusal = () => intake.refusal({ mount, login });
    for (let sent = 0; sent < 5; sent++) {
      session.push(frames(115, 115 * sent));
      await vi.advanceTimersByTimeAsync(2_950);
      if (sent > 0) expect(refusal()).toBe("mount-in-use");
    }
    session.push(frames(115, 575));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(refusal()).toBe("mount-in-use");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(refusal()).toBeNull();
    expect(intake.refusal({ mount, login: { ...login, credential: "another" } })).toBe("mount-in-use");
  });

  it.for([
    ["same-credentials", "mount-draining"],
    ["always", null],
    ["never", "mount-draining"],
  ] as const)("held back for being ahead, with takeover %s: %s", async ([takeover, expected]) => {
    const { intake, onAir } = openIntake(mp3, { takeover });
    const session = await onAir();
    session.push(frames(420));
    expect(intake.refusal({ mount, login: { ...login, credential: "another" } })).toBe(expected);
  });

  it("is free of a source that sends a few bytes now and then, none of them audio, after 15 s", async () => {
    useClock();
    const { onAir } = openIntake(mp3);
    const session = await onAir();
    const trickle = async () => {
      for (let seconds = 0; seconds < 60; seconds++) {
        session.push(Uint8Array.of(0));
        await vi.advanceTimersByTimeAsync(1_000);
      }
    };
    await expect(trickle()).rejects.toThrow("no audio frame in 16000 ms (audio/mpeg was declared)");
  });

  it("is left to a source that sends a long tag at the pace of its audio before the first frame", async () => {
    useClock();
    const { onAir } = openIntake(mp3);
    const session = await onAir();
    // 320,000 bytes of ID3v2, in sync-safe digits.
    session.push(Uint8Array.of(0x49, 0x44, 0x33, 3, 0, 0, 0, 19, 68, 0));
    for (let sent = 0; sent < 320_000; sent += 8_000) {
      session.push(new Uint8Array(8_000));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    session.push(frames(5));
    await settled();
    await session.end("over");
  });
});

test.each(["relay:far", "autodj:here"])(
  "%s displaces no source, on another host either, where others may, and makes way at once",
  async (house) => {
    const { admit, takeovers } = openIntake(mp3, { takeover: "always" });
    const played = await admit(new net.Socket(), house);
    expect(await admit(new net.Socket(), "dj")).not.toBeTypeOf("string");
    expect(takeovers).toEqual(["same-credentials", "always"]);
    expect(played).toMatchObject({ hasEnded: true });
  },
);
