import type { FrameFormat } from "../codec.ts";
import { describeHeader, type FrameHeader } from "./header.ts";

/**
 * The format of a frame. `freeBytes` is the size of a free format frame without padding, 0 for others: part of the
 * key, because within a segment one measured size must hold for every frame.
 */
export function formatOf(header: FrameHeader, freeBytes: number): FrameFormat {
  const channels = header.channelMode === "mono" ? 1 : 2;
  const key = `${header.version}/${header.layer}/${header.sampleRate}/${channels}`;
  return {
    key: freeBytes === 0 ? key : `${key}/free-${freeBytes}`,
    sampleRate: header.sampleRate,
    channels,
    bitrateKbps: header.bitrateKbps,
    description: describeHeader(header),
  };
}
