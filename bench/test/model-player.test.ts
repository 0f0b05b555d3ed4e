import { describe, expect, test } from "vitest";
import { ModelPlayer } from "../support/model-player.ts";

/** 16 bytes a ms, starts 500 ms after its first byte. */
const player = (): ModelPlayer => new ModelPlayer(16_000, 500);

describe("a model player", () => {
  test("plays nothing before its start", () => {
    const model = player();
    model.got(16, 1_000);
    model.look(1_499);
    expect(model.timesDry).toBe(0);
    expect(model.leastInHandMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("does not begin before a byte has come", () => {
    const model = player();
    model.got(0, 1_000);
    model.got(16_000, 60_000);
    model.look(61_400);
    expect(model).toMatchObject({ timesDry: 0, leastInHandMs: 100 });
  });

  test("has least in hand just before something comes", () => {
    const model = player();
    model.got(16 * 2_000, 0);
    model.got(16 * 4_000, 1_500);
    model.got(16 * 6_000, 3_500);
    expect(model).toMatchObject({ timesDry: 0, dryMs: 0, leastInHandMs: 1_000, leastAtMs: 1_500 });
  });

  test("that has played all is dry until more comes, and plays on from there", () => {
    const model = player();
    model.got(16 * 1_000, 0);
    // Played from 500 to 1,500, then nothing for 300 ms.
    model.got(16 * 2_000, 1_800);
    expect(model).toMatchObject({ timesDry: 1, dryMs: 300, leastInHandMs: 0 });
    model.got(16 * 3_000, 2_799);
    expect(model).toMatchObject({ timesDry: 1, dryMs: 300, leastAtMs: 1_800 });
  });

  test("that gets nothing more is found dry when it is looked at", () => {
    const model = player();
    model.got(16 * 1_000, 0);
    model.look(4_500);
    expect(model).toMatchObject({ timesDry: 1, dryMs: 3_000 });
  });
});
