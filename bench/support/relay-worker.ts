import type { Announcement, Claim } from "../../shared/edge-api.ts";
import type { MountPhase, MountReply, MountView } from "../../shared/mount-state.ts";
import { SeatHolder } from "../../shared/seat-holder.ts";
import type { Position } from "../../shared/segment.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { type Epoch, epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import type { Env } from "../../worker/env.ts";
import { mountCallHoldMs, mountCallRetryMs } from "../../worker/limits.ts";
import { MountObject } from "../../worker/mount-object.ts";
import { MountRoutes } from "../../worker/mount-relay.ts";

export { DirectoryObject } from "../../worker/directory-object.ts";
export { RelayObject } from "../../worker/mount-relay-object.ts";

/** The worker of `bench/relays.ts`: the edge's objects, and a request that behaves like thousands of isolates. */
export interface RelayRun {
  readonly isolates: number;
  readonly seconds: number;
  readonly segmentMs: number;
  readonly useRelays: boolean;
}

export interface RelayRunResult {
  /** Of the measured time, s. */
  readonly seconds: number;
  readonly segments: number;
  readonly mountCalls: { readonly isolates: number; readonly relays: number };
  readonly relayCalls: number;
  readonly relays: number;
  /** Segments of the whole run. */
  readonly announced: number;
  readonly failedCalls: number;
  /** From the announcement to each isolate, ms, in order of size. */
  readonly delaysMs: readonly number[];
}

/** Until everybody has come and goes the way that the mount wants, ms. */
const settleMs = 14_000;
const mount = mountPath("/live.mp3");
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Calls = { isolates: number; relays: number };

/** The mount's object as it is seen from outside. */
interface CountedStub {
  claim(claim: Claim): Promise<MountReply>;
  announce(announcement: Announcement): Promise<MountReply>;
  counted(): Promise<Calls>;
}

/** What the mount tells its archive and its roster is not what is measured. */
const deaf = {
  ARCHIVE: { getByName: () => ({ tell: () => Promise.resolve() }) } as unknown as Env["ARCHIVE"],
  ROSTER: { getByName: () => ({ begin: () => Promise.resolve() }) } as unknown as Env["ROSTER"],
};

export class CountedMount extends MountObject {
  readonly #calls: Calls = { isolates: 0, relays: 0 };

  constructor(...[context, env]: ConstructorParameters<typeof MountObject>) {
    super(context, { ...env, ...deaf });
  }

  override view(question: Parameters<MountObject["view"]>[0]): ReturnType<MountObject["view"]> {
    this.#calls.isolates++;
    // Which counts it as a relay's.
    this.#calls.relays--;
    return super.view(question);
  }

  override viewThroughRelay(
    question: Parameters<MountObject["viewThroughRelay"]>[0],
  ): ReturnType<MountObject["viewThroughRelay"]> {
    this.#calls.relays++;
    return super.viewThroughRelay(question);
  }

  counted(): Calls {
    return { ...this.#calls };
  }
}

type Objects = Pick<Env, "MOUNT" | "RELAY">;

/** What is measured from a moment on. */
interface Tally {
  isOver: boolean;
  relayCalls: number;
  failedCalls: number;
  readonly relays: Set<string>;
  delaysMs: number[];
  readonly announcedMs: number[];
}

/** Of the run that is on: its isolates are spread over many requests, for the platform counts timers by request. */
let current: Tally | undefined;

export default {
  async fetch(request: Request, env: Objects): Promise<Response> {
    const what = (await request.json()) as RelayRun;
    if (new URL(request.url).pathname === "/run") return Response.json(await run(what, env));
    const all = Array.from({ length: what.isolates }, () =>
      isolate(what.useRelays, env, Math.random() * 4_000),
    );
    return Response.json(await Promise.all(all));
  },
};

/** Answers when it is over; the isolates' requests answer with what each of them heard. */
async function run({ seconds, segmentMs }: RelayRun, env: Objects): Promise<RelayRunResult> {
  const stub = env.MOUNT.getByName(mount) as unknown as CountedStub;
  const claimed = await stub.claim({
    mount,
    ingest: "bench",
    source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
    credential: "dj",
    takeover: "never",
    policy: { segmentMs, graceMs: 15_000 },
  });
  if (claimed.kind !== "claimed") throw new Error(`the mount is ${claimed.kind}`);
  const now = tallyOfRun();
  const source = announceOn(stub, claimed.epoch, segmentMs, now);
  await pause(settleMs);
  const before = await stub.counted();
  const beganMs = Date.now();
  const segmentsBefore = now.announcedMs.length;
  now.delaysMs = [];
  now.relayCalls = 0;
  await pause(seconds * 1000);
  const after = await stub.counted();
  const measuredMs = Date.now() - beganMs;
  const segments = now.announcedMs.length - segmentsBefore;
  const { relayCalls, failedCalls } = now;
  const delaysMs = now.delaysMs.toSorted((a, b) => a - b);
  now.isOver = true;
  await source;
  return {
    seconds: measuredMs / 1000,
    segments,
    announced: now.announcedMs.length,
    mountCalls: { isolates: after.isolates - before.isolates, relays: after.relays - before.relays },
    relayCalls,
    relays: now.relays.size,
    failedCalls,
    delaysMs,
  };
}

function tallyOfRun(): Tally {
  current ??= {
    isOver: false,
    relayCalls: 0,
    failedCalls: 0,
    relays: new Set(),
    delaysMs: [],
    announcedMs: [],
  };
  return current;
}

async function announceOn(stub: CountedStub, at: Epoch, segmentMs: number, tally: Tally): Promise<void> {
  while (!tally.isOver) {
    await pause(segmentMs);
    const number = tally.announcedMs.push(Date.now()) - 1;
    const samples = sampleCount(44.1 * segmentMs);
    await stub.announce({
      mount,
      segment: {
        epoch: epoch(at),
        sequence: sequence(number),
        startMs: millis(0),
        firstSample: sampleCount(number * samples),
        samples,
        sampleRate: 44_100,
        bytes: 16 * segmentMs,
        titles: [],
      },
    });
  }
}

/** As `worker/mount-feed.ts` asks. The sequences it heard, in that order. */
async function isolate(useRelays: boolean, env: Objects, afterMs: number): Promise<number[]> {
  const now = tallyOfRun();
  await pause(afterMs);
  const name = crypto.randomUUID();
  let order = 0;
  const holder = new SeatHolder(
    () => name,
    () => ++order,
  );
  holder.add();
  const routes = new MountRoutes();
  const relays = {
    getByName: (relay: string) => {
      now.relays.add(relay);
      now.relayCalls++;
      return env.RELAY.getByName(relay);
    },
  } as unknown as Env["RELAY"];
  const heard: number[] = [];
  let after: Position | null = null;
  let phase: MountPhase = "off";
  for (let waitMs = 0; !now.isOver; waitMs = mountCallHoldMs) {
    const question: Parameters<MountObject["view"]>[0] = {
      mount,
      seats: holder.report(),
      after,
      phase,
      waitMs,
    };
    try {
      const view: MountView = useRelays
        ? await routes.ask({ MOUNT: env.MOUNT, RELAY: relays }, mount, question)
        : await env.MOUNT.getByName(mount).view(question);
      ({ phase } = view);
      for (const segment of view.segments) {
        heard.push(segment.sequence);
        if (after) now.delaysMs.push(Date.now() - (now.announcedMs[segment.sequence] ?? 0));
        after = { epoch: segment.epoch, sequence: segment.sequence };
      }
    } catch {
      now.failedCalls++;
      await pause(mountCallRetryMs);
    }
  }
  return heard;
}
