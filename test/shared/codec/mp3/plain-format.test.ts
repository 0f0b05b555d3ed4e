import { describe, expect, it } from "vitest";
import { mp3 } from "../../../../shared/codec/mp3/mp3.ts";
import { plainFormat } from "../../../../shared/codec/mp3/plain-format.ts";

const rates = [44_100, 48_000, 32_000, 22_050, 24_000, 16_000, 11_025, 12_000, 8_000];

describe.each(rates)("a plain format of %i Hz", (sampleRate) => {
  it.each([1, 2] as const)(
    "with %i channels has whole frames of silence that a parser takes for it",
    (channels) => {
      for (const bitrateKbps of [8, 64, 128, 320]) {
        const { key, samplesPerFrame, silence } = plainFormat({ sampleRate, channels }, bitrateKbps);
        const bytes = new Uint8Array(Buffer.concat(Array.from({ length: 8 }, () => silence)));
        const frames = mp3.createParser().push(bytes);
        expect(frames).toHaveLength(8);
        expect(frames[0]).toMatchObject({ samples: samplesPerFrame, format: { key, sampleRate, channels } });
        expect(silence.subarray(4).every((byte) => byte === 0)).toBe(true);
      }
    },
  );
});

it("has the next lower bitrate where there is none such, and the lowest below that", () => {
  const bitrateOf = (sampleRate: number, kbps: number) => {
    const { silence } = plainFormat({ sampleRate, channels: 2 }, kbps);
    const [frame] = mp3.createParser().push(new Uint8Array(Buffer.concat(Array(8).fill(silence))));
    return frame?.format.bitrateKbps;
  };
  expect([bitrateOf(44_100, 100), bitrateOf(44_100, 8), bitrateOf(22_050, 320)]).toEqual([96, 32, 160]);
  expect(() => plainFormat({ sampleRate: 12_345, channels: 2 }, 128)).toThrow(RangeError);
});
