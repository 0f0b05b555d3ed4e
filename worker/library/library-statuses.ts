import type { EdgeStation } from "../../shared/edge-station.ts";
import { isPattern } from "../../shared/mount-pattern.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { type MountPath, millis } from "../../shared/units.ts";
import { SharedAnswer } from "../admin/shared-answer.ts";
import type { Host } from "../mount-feed.ts";
import { librarySource } from "./library-mount.ts";
import { libraryStageOf } from "./library-stage.ts";
import { libraryListenersAgeMs } from "./limits.ts";

/** Mounts where a library plays now, as the directory tells of those that have sources. Never rejects. */
export async function libraryStatuses(
  { mounts }: Pick<EdgeStation, "mounts">,
  host: Host,
): Promise<MountStatus[]> {
  const played = Object.entries(mounts).flatMap(([name, { autodj }]) =>
    autodj && !isPattern(name) ? [{ mount: name as MountPath, library: autodj.library }] : [],
  );
  const statuses = await Promise.all(played.map((each) => statusOf(each, host)));
  return statuses.filter((status) => status !== null);
}

async function statusOf(
  { mount, library }: { readonly mount: MountPath; readonly library: string },
  host: Host,
): Promise<MountStatus | null> {
  const stage = libraryStageOf(library);
  // Which titles play needs no index.
  await stage.know(host);
  const { play } = stage;
  if (!play) return null;
  const { listeners, listenerPeak } = await listenersOf(mount).get(host);
  const { bitrateKbps } = play.span.edition;
  return {
    mount,
    source: {
      ...librarySource(play),
      ...(bitrateKbps !== undefined && { bitrate: String(bitrateKbps) }),
    },
    streamStartMs: millis(play.span.bounds.fromMs),
    title: stage.title ?? play.track.title,
    listeners,
    listenerPeak,
    onAir: true,
    format: `${versionOf(play.sampleRate)} Layer III, ${play.sampleRate} Hz, ${play.channels === 1 ? "mono" : "stereo"}`,
    sampleRate: play.sampleRate,
    channels: play.channels,
    ...(bitrateKbps !== undefined && { bitrateKbps }),
  };
}

/** ISO 11172-3 and 13818-3, and what encoders added below them. */
const versionOf = (sampleRate: number): string =>
  sampleRate >= 32_000 ? "MPEG-1" : sampleRate >= 16_000 ? "MPEG-2" : "MPEG-2.5";

interface Listeners {
  readonly listeners: number;
  /** The most that this isolate has seen. */
  readonly listenerPeak: number;
}

const known = new Map<MountPath, SharedAnswer<Listeners>>();

/** By the roster, for the mount's object has nobody to count. */
function listenersOf(mount: MountPath): SharedAnswer<Listeners> {
  const there = known.get(mount);
  if (there) return there;
  let last: Listeners = { listeners: 0, listenerPeak: 0 };
  const made = new SharedAnswer<Listeners>(libraryListenersAgeMs, async (host) => {
    const counted = await host.env.ROSTER.getByName(mount)
      .audience()
      .catch(() => null);
    if (!counted) return last;
    const listeners = Object.values(counted.byCountry).reduce((sum, count) => sum + count, 0);
    last = { listeners, listenerPeak: Math.max(last.listenerPeak, listeners) };
    return last;
  });
  known.set(mount, made);
  return made;
}
