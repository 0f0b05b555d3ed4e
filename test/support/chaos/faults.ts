import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../wait.ts";
import type { Channel } from "./channel.ts";
import type { IngestHost } from "./ingest-host.ts";
import type { RequestFault, Rig } from "./rig.ts";
import { frameMs } from "./stamped-frame.ts";

/** What a fault has to work with: `host` is the ingest beside the stack's own, where it asked for one. */
export interface Scene {
  readonly rig: Rig;
  readonly host: IngestHost | null;
  readonly channels: readonly Channel[];
  readonly random: () => number;
}

export interface FaultKind {
  readonly name: string;
  /** What the sources connect to: the stack's own ingest, the host behind the proxies, or that with the other to fail over to. */
  readonly ingest: "stack" | "host" | "host-then-stack";
  /** A second source on each mount, at the other host. */
  readonly rival?: boolean;
  /** Before the host starts; returns what undoes it. */
  readonly prepareHost?: (dataDir: string) => () => void;
  /** How often it can be done to several mounts at the same time, each at its own moments. */
  readonly strike:
    | { readonly each: (channel: Channel, scene: Scene) => Promise<void> }
    | { readonly all: (scene: Scene) => Promise<void> };
  /** A fault of a whole process that takes long counts once for each mount under it, one of each listener for each of those. */
  readonly counted?: "per-mount" | "per-listener";
  /** What a listener's line lets through; without it, all. */
  readonly listenerBytesPerSecond?: number;
  /** Listeners' connections end, and have to be back in under 2 s. */
  readonly rejoin?: boolean;
  /** Runs on a stack whose clock can be moved. */
  readonly fakeClock?: boolean;
}

const outageMs = 20_000;
const zombieMs = 30_000;
/** When an encoder at a host that has frozen gives it up. */
const noticedMs = 3_000;
const hourSeconds = 3_600;
/** A quarter of what the sources send: three quarters of a second are lost each second, until the window's minute is over. */
const slowBytesPerSecond = 4_000;
/** What a listener leaves out at once who falls out of the window and goes on near live. */
const skippedFrames = 45_000 / frameMs;
/** Until then, and until what the runtime and the sockets still hold (half a megabyte) has been heard. */
const skipWithinMs = 420_000;

const failStorage =
  (fault: RequestFault) =>
  async (channel: Channel, { rig }: Scene): Promise<void> => {
    rig.storageFaults.set(channel.mount, () => fault);
    await sleep(outageMs);
    rig.storageFaults.delete(channel.mount);
    await sleep(5_000);
  };

const stall =
  (ms: number, mayHaveBacklog: boolean) =>
  async (channel: Channel): Promise<void> => {
    channel.source.stall(ms, mayHaveBacklog && channel.random() < 0.5);
    await channel.connected(ms);
  };

export const faultKinds: readonly FaultKind[] = [
  {
    name: "source-reset",
    ingest: "stack",
    strike: {
      async each(channel) {
        channel.source.reset();
        await channel.connected(50);
      },
    },
  },
  { name: "stall-5s", ingest: "stack", strike: { each: stall(5_000, true) } },
  { name: "stall-30s", ingest: "stack", strike: { each: stall(30_000, false) } },
  {
    name: "race",
    ingest: "host-then-stack",
    rival: true,
    strike: {
      async each(channel) {
        // Whoever has the mount loses its connection: both come for it.
        for (const source of channel.sources) source.reset();
        await channel.connected(50);
      },
    },
  },
  { name: "storage-500", ingest: "host", strike: { each: failStorage("error") } },
  { name: "storage-hangs", ingest: "host", strike: { each: failStorage("hang") } },
  {
    name: "announcements",
    ingest: "host",
    strike: {
      async each(channel, { rig }) {
        const faults: readonly RequestFault[] = ["lose-reply", "cut", "twice", "pass"];
        rig.edgeFaults.set(channel.mount, () => faults[Math.floor(channel.random() * 4)] ?? "pass");
        await sleep(6_000);
        rig.edgeFaults.delete(channel.mount);
      },
    },
  },
  {
    name: "ingest-kill",
    ingest: "stack",
    strike: {
      async all({ rig, channels }) {
        for (const { source } of channels) source.loseHost();
        rig.stack.kill("ingest");
        await Promise.all(channels.map((channel) => channel.connected(50)));
      },
    },
  },
  {
    name: "runtime-kill",
    ingest: "stack",
    rejoin: true,
    strike: {
      async all({ rig, channels }) {
        const rejoined = () =>
          channels.flatMap(({ listeners }) => listeners.map((each) => each.rejoinMs.length));
        const before = rejoined();
        rig.stack.kill("workerd");
        await waitFor(
          "the listeners to be back",
          () => rejoined().every((count, index) => count > (before[index] ?? 0)),
          40_000,
        );
      },
    },
  },
  {
    name: "zombie",
    counted: "per-mount",
    ingest: "host-then-stack",
    strike: {
      async all({ host, channels }) {
        const { port } = host ?? {};
        // The second time they have to come back to the host first.
        for (const { source } of channels) if (source.port !== port) source.failOver();
        await waitFor(
          "the sources at their host",
          () => channels.every(({ source }) => source.port === port),
          40_000,
        );
        await sleep(5_000);
        for (const { source } of channels) source.loseHost();
        host?.signal("SIGSTOP");
        await sleep(noticedMs);
        for (const { source } of channels) source.failOver();
        await sleep(zombieMs - noticedMs);
        host?.signal("SIGCONT");
        await Promise.all(channels.map((channel) => channel.connected(3_000)));
      },
    },
  },
  {
    name: "clock",
    counted: "per-mount",
    ingest: "stack",
    fakeClock: true,
    strike: {
      async all({ rig, random }) {
        for (const seconds of [hourSeconds, 0, -hourSeconds, 0]) {
          rig.setClock(seconds);
          await sleep(2_000 + random() * 2_000);
        }
      },
    },
  },
  {
    name: "slow-listener",
    counted: "per-listener",
    ingest: "stack",
    listenerBytesPerSecond: slowBytesPerSecond,
    strike: {
      async all({ channels }) {
        const listeners = channels.flatMap((channel) => channel.listeners);
        await waitFor(
          "every listener to have gone on near live",
          () => listeners.every(({ lost }) => lost >= skippedFrames),
          skipWithinMs,
        );
        // What comes after the skip is checked too.
        await sleep(10_000);
      },
    },
  },
  {
    name: "disk-full",
    ingest: "host",
    prepareHost: smallSpool,
    strike: { each: failStorage("error") },
  },
  {
    name: "spool-kill",
    counted: "per-mount",
    ingest: "host",
    strike: {
      async all({ rig, host, channels, random }) {
        for (const { mount } of channels) rig.storageFaults.set(mount, () => "error");
        await sleep(4_000 + random() * 4_000);
        for (const { source } of channels) source.loseHost();
        host?.signal("SIGKILL");
        await sleep(500);
        await host?.start();
        await sleep(4_000);
        for (const { mount } of channels) rig.storageFaults.delete(mount);
        await Promise.all(channels.map((channel) => channel.connected(3_000)));
      },
    },
  },
];

/** Whether this process may mount a small disk. */
export const canMountDisks = process.platform === "linux" && process.getuid?.() === 0;

/** The spool on a disk that a few seconds of an outage fill. */
function smallSpool(dataDir: string): () => void {
  const spool = join(dataDir, "spool");
  mkdirSync(spool);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "none", spool]);
  return () => {
    execFileSync("umount", ["-l", spool]);
  };
}
