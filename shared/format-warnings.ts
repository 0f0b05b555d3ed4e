import type { EdgeStation } from "./edge-station.ts";
import type { MountStatus } from "./mount-status.ts";
import type { SegmentRef } from "./segment.ts";

/** Rate and channels: what players are told once, at the beginning, and some stumble over when it changes. */
type Format = Pick<SegmentRef, "sampleRate" | "channels">;

/** For people: "44100 Hz stereo". */
export const formatName = ({ sampleRate, channels }: Format): string =>
  `${sampleRate} Hz${channels === undefined ? "" : channels === 1 ? " mono" : " stereo"}`;

export const isSameFormat = (a: Format, b: Format): boolean =>
  a.sampleRate === b.sampleRate &&
  (a.channels === undefined || b.channels === undefined || a.channels === b.channels);

/** The latest change of format within a window, for people; undefined without one. */
export function formatChange(window: readonly SegmentRef[]): string | undefined {
  const at = window.findLastIndex((segment, index) => {
    const before = window[index - 1];
    return before !== undefined && !isSameFormat(before, segment);
  });
  const [before, after] = [window[at - 1], window[at]];
  return before && after && `${formatName(before)} to ${formatName(after)}`;
}

export interface FormatWarning {
  readonly mount: string;
  readonly text: string;
}

/**
 * What an operator should know of what is on air: bytes that are no audio, changes of format a moment ago, and those that a
 * fallback will bring.
 */
export function formatWarnings(
  mounts: readonly MountStatus[],
  rules: EdgeStation["mounts"],
): FormatWarning[] {
  return mounts.flatMap(({ mount, ...status }) => {
    const warnings: FormatWarning[] = [];
    if (status.garbageBytes !== undefined && status.garbageBytes > 0) {
      const text = `has a source that sent ${status.garbageBytes} bytes which are no audio since it connected; they were left out: check its encoder and its line`;
      warnings.push({ mount, text });
    }
    if (status.formatChange !== undefined) {
      warnings.push({ mount, text: `changed its format from ${status.formatChange}: some players stumble` });
    }
    const fallback = rules[mount]?.fallback;
    const other =
      fallback?.kind === "mount" ? mounts.find((candidate) => candidate.mount === fallback.mount) : undefined;
    const own = formatOf(status);
    const theirs = other && formatOf(other);
    if (own && theirs && !isSameFormat(own, theirs)) {
      const text = `is ${formatName(own)}, its fallback ${other.mount} is ${formatName(theirs)}: some players stumble`;
      warnings.push({ mount, text });
    }
    return warnings;
  });
}

function formatOf({
  sampleRate,
  channels,
}: Pick<MountStatus, "sampleRate" | "channels">): Format | undefined {
  if (sampleRate === undefined) return undefined;
  return channels === undefined ? { sampleRate } : { sampleRate, channels };
}
