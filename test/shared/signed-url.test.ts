import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import { clockSkewMs, type ListenGrant, readListenLink, signListenUrl } from "../../shared/signed-url.ts";

const key = Buffer.alloc(32, 7).toString("base64url");
const other = Buffer.alloc(32, 8).toString("base64url");
const mount = mountPath("/live.mp3");
const expires = 1_790_000_000;
const nowMs = (expires - 60) * 1_000;

const queryOf = (url: string): string => url.slice(url.indexOf("?") + 1);
const read = (query: string, keys = [key], at = nowMs, of = mount) => readListenLink(of, query, keys, at);
const sign = (grant: Partial<ListenGrant> = {}, url = "https://radio.example/live.mp3") =>
  signListenUrl(url, { expires, ...grant }, key);

describe("a signed listen URL", () => {
  it("is the mount's with a grant, signed as documented", async () => {
    const signature = createHmac("sha256", Buffer.alloc(32, 7))
      .update(`skywave-listen-1\n/live.mp3\n${expires}\nanna b\n192.0.2.7`)
      .digest("base64url");
    expect(
      await sign({ user: "anna b", address: "192.0.2.7" }, "https://radio.example/live.mp3?burst=0#x"),
    ).toBe(
      `https://radio.example/live.mp3?burst=0&expires=${expires}&user=anna%20b&address=192.0.2.7&signature=${signature}`,
    );
    expect(await sign({}, "/live.mp3")).toMatch(/^\/live\.mp3\?expires=1790000000&signature=[\w-]{43}$/);
  });

  it("grants what it says, with any of the keys, whatever else is in the query", async () => {
    const query = queryOf(await sign({ user: "아이유" }));
    expect(await read(`a=%zz&${query}&burst=2`, [other, "no key!", key])).toEqual({
      kind: "granted",
      grant: { expires, user: "아이유", address: undefined },
    });
  });

  it("works until its time, as far as clocks agree", async () => {
    const query = queryOf(await sign());
    const lastMs = expires * 1_000 + clockSkewMs;
    expect((await read(query, [key], lastMs)).kind).toBe("granted");
    expect((await read(query, [key], lastMs + 1)).kind).toBe("expired");
  });

  it("works for its own mount, key, time, user and address alone", async () => {
    const query = queryOf(await sign({ user: "anna" }));
    const forged = [
      query.replace("anna", "bert"),
      query.replace("&user=anna", ""),
      `${query}&address=192.0.2.7`,
      query.replace(String(expires), String(expires + 1)),
      query.replace(/signature=./, "signature="),
      query.replace(/signature=.*/, "signature=%00"),
      query.replace(`expires=${expires}`, "expires=-1"),
      `user=bert&${query}`,
    ];
    for (const each of forged) expect(await read(each)).toEqual({ kind: "forged" });
    expect(await read(query, [other])).toEqual({ kind: "forged" });
    expect(await read(query, [])).toEqual({ kind: "forged" });
    expect(await read(query, [key], nowMs, mountPath("/other.mp3"))).toEqual({ kind: "forged" });
    // Nobody can shift what is signed from one field to the next.
    const shifted = queryOf(await sign({ user: "a", address: "b" }));
    expect(await read(shifted.replace("user=a&address=b", "user=a%0Ab"))).toEqual({ kind: "forged" });
  });

  it("is none without a signature", async () => {
    expect(await read("")).toEqual({ kind: "unsigned" });
    expect(await read(`expires=${expires}`)).toEqual({ kind: "unsigned" });
  });

  it("is not made with what cannot be signed", async () => {
    await expect(sign({ expires: 1.5 })).rejects.toThrow("expected a time, got 1.5");
    await expect(sign({ user: "a\nb" })).rejects.toThrow("control character");
    await expect(signListenUrl("/live.mp3", { expires }, "!")).rejects.toThrow("base64url");
    await expect(sign({}, "/status.xsl")).rejects.toThrow("/status.xsl");
  });

  it("is read without an error, whatever the query", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), fc.string(), async (a, b) => {
        const { kind } = await read(`expires=${expires}&user=${a}&signature=${b}`);
        expect(["forged", "unsigned"]).toContain(kind);
      }),
    );
  });
});
