import type { EdgeStation } from "../../shared/edge-station.ts";
import { encodeMountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import type { MountPath } from "../../shared/units.ts";
import { hasHls, rulesOf } from "../station.ts";
import { shownStatus } from "../stream-info.ts";
import type { MountJson } from "./schemas.ts";

type Rules = Pick<EdgeStation, "mounts">;

export const isHidden = (mount: MountPath, station: Rules): boolean =>
  rulesOf(station, mount)?.hidden === true;

/** A mount as the API shows it: nothing of its source's address or login. */
export function mountJson(status: MountStatus, station: Rules): MountJson {
  const { source, ...mount } = shownStatus(status, station);
  const path = encodeMountPath(mount.mount);
  const self = `/api/v1/mounts/${encodeURIComponent(mount.mount.slice(1))}`;
  return {
    mount: mount.mount,
    name: source.name || null,
    description: source.description || null,
    genre: source.genre || null,
    url: source.url || null,
    public: source.public ?? false,
    hidden: isHidden(mount.mount, station),
    startedAt: new Date(mount.streamStartMs).toISOString(),
    title: mount.title ?? null,
    listeners: mount.listeners,
    listenerPeak: mount.listenerPeak,
    format: {
      contentType: source.contentType,
      declaredBitrate: source.bitrate || null,
      bitrateKbps: mount.bitrateKbps ?? null,
      sampleRate: mount.sampleRate ?? null,
      channels: mount.channels ?? null,
    },
    links: {
      self,
      nowPlaying: `${self}/now-playing`,
      stream: path,
      m3u: `${path}.m3u`,
      pls: `${path}.pls`,
      xspf: `${path}.xspf`,
      hls: hasHls(rulesOf(station, mount.mount)) ? `${path}.m3u8` : null,
    },
  };
}
