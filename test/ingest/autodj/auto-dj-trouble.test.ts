import { describe, expect, it } from "vitest";
import { first, open, slow, until } from "./auto-dj-host.ts";
import { FakeMusic as Music, settingsOf } from "./fake-parts.ts";

const jingle = { places: [], order: "sequential", everyTracks: 1, slots: [] } as const;

describe("an AutoDJ", () => {
  it("plays where a rotation is called as its jingles would be", async () => {
    const rotations = settingsOf().rotations.map((each) => ({ ...each, name: "jingle 1" }));
    const host = open(new Music({ "a.mp3": 300 }), {
      time: slow(),
      settings: settingsOf({ rotations, jingles: [jingle] }),
    });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    expect(session.silent).toBe(0);
  });
});
