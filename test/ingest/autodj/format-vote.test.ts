import { join } from "node:path";
import { expect, it } from "vitest";
import { voteFormat } from "../../../ingest/autodj/format-vote.ts";
import type { Analysis, TrackFile } from "../../../ingest/autodj/track.ts";

const fixtures = join(import.meta.dirname, "..", "..", "fixtures");
const unknown = { known: (): Analysis | undefined => undefined };
const file = (name: string): TrackFile => ({
  id: `file:${name}`,
  version: "1",
  name,
  path: async () => join(fixtures, name),
});
const stored: TrackFile = {
  id: "storage:a.mp3",
  version: "1",
  name: "a.mp3",
  path: () => Promise.reject(new Error("it was fetched")),
};
const stereo = { sampleRate: 44_100, channels: 2 } as const;
const mono = { sampleRate: 48_000, channels: 1 } as const;

it("is what most files begin with", async () => {
  const files = ["mono48-64.mp3", "cbr128-joint44.mp3", "mono48-64.mp3"].map(file);
  expect(await voteFormat(files, unknown, null)).toEqual(mono);
});

it("leaves out what is no music, what is not there and what would have to be fetched", async () => {
  const files = [stored, file("make.sh"), file("gone.mp3"), file("."), file("mono48-64.mp3")];
  expect(await voteFormat(files, unknown, null)).toEqual(mono);
});

it("is CD's where nothing is known, and what it was before that", async () => {
  expect(await voteFormat([], unknown, null)).toEqual(stereo);
  expect(await voteFormat([stored], unknown, mono)).toEqual(mono);
});

it("stays what it was until twice as many files have another", async () => {
  const [a, b] = [file("mono48-64.mp3"), file("cbr128-joint44.mp3")];
  expect(await voteFormat([a, b, b, b], unknown, mono)).toEqual(stereo);
  expect(await voteFormat([a, a, b, b, b], unknown, mono)).toEqual(mono);
  expect(await voteFormat([b], unknown, mono)).toEqual(stereo);
});

it("believes what was found out before", async () => {
  const refused = { known: (): Analysis => ({ kind: "refused", reason: "is a noise" }) };
  expect(await voteFormat([file("mono48-64.mp3")], refused, null)).toEqual(stereo);
});
