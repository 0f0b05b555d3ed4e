import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../seeded.ts";
import { Channel } from "./channel.ts";
import { canMountDisks, type FaultKind, type Scene } from "./faults.ts";
import type { IngestHost } from "./ingest-host.ts";
import { reportOf, type FaultReport } from "./report.ts";
import { Rig } from "./rig.ts";

export interface ChaosOptions {
  /** Faults to go through, in this order; those of one rig at the same time. */
  readonly faults: readonly FaultKind[];
  /** How often each. */
  readonly times: number;
  /** Mounts under each fault at the same time. */
  readonly mounts: number;
  /** Listeners in all, at any time. */
  readonly listeners: number;
  readonly seed: number;
  /** Told what happens. */
  readonly progress?: (line: string) => void;
  /** Told everything logged, when a rig closes. */
  readonly log?: (log: string) => void;
}

/** Between two faults of one mount, ms: so long at least, and at most as much again. */
const pauseMs = 3_000;

/** Goes through faults: one source's on many mounts at the same time, a whole process's one after another. */
export async function runChaos(options: ChaosOptions): Promise<FaultReport[]> {
  const reports: FaultReport[] = [];
  const ready = options.faults.filter(({ prepareHost }) => prepareHost === undefined || canMountDisks);
  for (const batch of batchesOf(ready)) {
    try {
      reports.push(...(await runBatch(batch, options)));
    } catch (error) {
      // The others are still worth knowing.
      const reason = error instanceof Error ? error.message : String(error);
      reports.push(...batch.map((fault) => reportOf(fault, [], [], [reason])));
    }
  }
  return reports;
}

/** Faults that leave each other alone: those that concern one mount and need no host of their own. */
function batchesOf(faults: readonly FaultKind[]): FaultKind[][] {
  const together = faults.filter(({ strike, prepareHost }) => "each" in strike && prepareHost === undefined);
  const alone = faults.filter((fault) => !together.includes(fault));
  return [...(together.length > 0 ? [together] : []), ...alone.map((fault) => [fault])];
}

async function runBatch(batch: readonly FaultKind[], options: ChaosOptions): Promise<FaultReport[]> {
  const names = batch.map(({ name }) => name).join(", ");
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  const say = (what: string) => options.progress?.(`${names}: ${what} (${seconds()} s)`);
  const rig = await Rig.open({ fakeClock: batch.some((fault) => fault.fakeClock === true) });
  const scenes: Scene[] = [];
  try {
    let host: IngestHost | null = null;
    if (batch.some(({ ingest }) => ingest !== "stack")) {
      host = await rig.openHost(batch[0]?.prepareHost);
    }
    const seats = dealt(options.listeners, batch.length * options.mounts);
    for (const fault of batch) scenes.push(openScene(fault, { rig, host, options, seats }));
    await Promise.all(scenes.flatMap(({ channels }) => channels.map((channel) => channel.onAir())));
    say("on air");
    await Promise.all(
      batch.map(async (fault, index) => {
        const scene = scenes[index];
        if (scene) await strikeAll(fault, scene, options.times);
      }),
    );
    say("faults over");
    const reports = await Promise.all(
      batch.map(async (fault, index) => {
        const channels = scenes[index]?.channels ?? [];
        const archives = await Promise.all(channels.map((channel) => channel.finish()));
        return reportOf(fault, channels, archives);
      }),
    );
    say("checked");
    return reports;
  } finally {
    for (const { channels } of scenes) for (const channel of channels) channel.abandon();
    options.log?.(rig.log());
    await rig.close();
  }
}

interface SceneParts {
  readonly rig: Rig;
  readonly host: IngestHost | null;
  readonly options: ChaosOptions;
  /** Listeners for each mount; taken from its front. */
  readonly seats: number[];
}

function openScene(fault: FaultKind, { rig, host, options, seats }: SceneParts): Scene {
  const own = rig.stack.ingestPort;
  const other = host?.port ?? own;
  const ports = fault.ingest === "stack" ? [own] : fault.ingest === "host" ? [other] : [other, own];
  const channels = Array.from({ length: options.mounts }, (_, index) => {
    const channel = new Channel(rig, {
      mount: `/${fault.name}-${index + 1}.mp3`,
      ports,
      listeners: seats.shift() ?? 0,
      random: seeded(options.seed + hash(`${fault.name} ${index}`)),
      bytesPerSecond: fault.listenerBytesPerSecond,
    });
    if (fault.rival === true) channel.addSource(ports.toReversed());
    return channel;
  });
  return { rig, host, channels, random: seeded(options.seed + hash(fault.name)) };
}

async function strikeAll({ strike, counted }: FaultKind, scene: Scene, times: number): Promise<void> {
  const { channels, random } = scene;
  const rounds = Math.ceil(times / channels.length);
  if ("all" in strike) {
    const strikes = { once: times, "per-mount": rounds, "per-listener": 1 }[counted ?? "once"];
    for (let time = 0; time < strikes; time++) {
      await sleep(pauseMs * (1 + random()));
      await strike.all(scene);
      for (const channel of channels) channel.faults++;
    }
    return;
  }
  await Promise.all(
    channels.map(async (channel) => {
      for (let round = 0; round < rounds; round++) {
        await sleep(pauseMs * (1 + channel.random()));
        await strike.each(channel, scene);
        channel.faults++;
      }
      await sleep(pauseMs);
    }),
  );
}

/** `count` things dealt to `places`, the first ones getting one more. */
const dealt = (count: number, places: number): number[] =>
  Array.from({ length: places }, (_, index) => Math.floor((count + places - 1 - index) / places));

const hash = (text: string): number =>
  Array.from(text).reduce((sum, character) => Math.imul(sum, 31) + (character.codePointAt(0) ?? 0), 7) >>> 0;
