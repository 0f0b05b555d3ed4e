import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MountPath } from "../../../shared/units.ts";
import { newKey, newTokenId, readToken, signToken } from "../../../worker/hls/token.ts";

const mount = "/a.mp3" as MountPath;
const now = 1_790_000_000_000;

describe("a token of HLS", () => {
  it("is read with its mount's key as what was signed", async () => {
    const [key, id] = [newKey(), newTokenId()];
    const token = await signToken(mount, id, key, now + 86_400_000);
    expect(await readToken(mount, token, key)).toEqual({ id, expires: now / 1_000 + 86_400 });
    expect(await readToken("/b.mp3" as MountPath, token, key)).toBeNull();
    expect(await readToken(mount, token, newKey())).toBeNull();
    // What was right before is remembered with its mount and key.
    expect(await readToken(mount, token, key)).not.toBeNull();
  });

  it("is none with any character changed", async () => {
    const key = newKey();
    const token = await signToken(mount, "abc", key, now + 1_000);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "1" ? "2" : "1";
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(await readToken(mount, changed, key), changed).toBeNull();
    }
  });

  it("is none when anything else is shown", async () => {
    const key = newKey();
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (text) => {
        expect(await readToken(mount, text, key)).toBeNull();
      }),
    );
  });
});
