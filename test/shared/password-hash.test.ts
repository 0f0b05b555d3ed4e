import { createHash, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashPassword, isPasswordHash, type Md5, verifyPassword } from "../../shared/password-hash.ts";

/** Node's Web Crypto has no MD5. */
const md5: Md5 = async (bytes) => new Uint8Array(createHash("md5").update(bytes).digest());

const kept = (hash: Buffer, salt: string, iterations: number) =>
  `$pbkdf2-sha256$i=${iterations}$${Buffer.from(salt).toString("base64url")}$${hash.toString("base64url")}`;

describe("a kept password", () => {
  it("is what node:crypto makes of the same salt", async () => {
    const salt = "0123456789abcdef";
    const hash = pbkdf2Sync("열려라 참깨", salt, 100_000, 32, "sha256");
    const made = await hashPassword("열려라 참깨", new TextEncoder().encode(salt));
    expect(made).toBe(kept(hash, salt, 100_000));
  });

  // RFC 7914 §11 has the first 64 bytes of PBKDF2-HMAC-SHA-256; the first block of a longer key is the shorter key.
  it("agrees with the vector of RFC 7914", async () => {
    const hash = Buffer.from("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc", "hex");
    expect(await verifyPassword("passwd", kept(hash, "salt", 1))).toBe(true);
    expect(await verifyPassword("Passwd", kept(hash, "salt", 1))).toBe(false);
  });

  it("has a salt of its own each time", async () => {
    const [one, other] = await Promise.all([hashPassword("p1"), hashPassword("p1")]);
    expect(one).not.toBe(other);
    expect(await verifyPassword("p1", one ?? "")).toBe(true);
    expect(await verifyPassword("p1", other ?? "")).toBe(true);
    expect(await verifyPassword("p2", one ?? "")).toBe(false);
  });

  it("may be empty, and is not the same as one that is not", async () => {
    const hash = await hashPassword("");
    expect(await verifyPassword("", hash)).toBe(true);
    expect(await verifyPassword(" ", hash)).toBe(false);
  });

  it("is read from a line of Icecast's htpasswd file", async () => {
    expect(await verifyPassword("p1", "ec6ef230f1828039ee794566b9c58adc", md5)).toBe(true);
    expect(await verifyPassword("p1", "EC6EF230F1828039EE794566B9C58ADC", md5)).toBe(true);
    expect(await verifyPassword("p2", "ec6ef230f1828039ee794566b9c58adc", md5)).toBe(false);
  });

  it.each([
    "",
    "p1",
    "ec6ef230f1828039ee794566b9c58ad",
    "$pbkdf2-sha256$i=0$c2FsdA$VawEbla3CJ_sFpHCJUS2BflBhSFt3gRl6LnVfCDay8w",
    "$pbkdf2-sha256$i=100001$c2FsdA$VawEbla3CJ_sFpHCJUS2BflBhSFt3gRl6LnVfCDay8w",
    "$pbkdf2-sha256$i=1$$VawEbla3CJ_sFpHCJUS2BflBhSFt3gRl6LnVfCDay8w",
    "$pbkdf2-sha256$i=1$c2FsdAA$VawEbla3CJ",
    `$pbkdf2-sha256$i=1$${"A".repeat(128)}$VawEbla3CJ_sFpHCJUS2BflBhSFt3gRl6LnVfCDay8w`,
  ])("is not %j", async (hash) => {
    expect(isPasswordHash(hash)).toBe(false);
    expect(await verifyPassword("passwd", hash, md5)).toBe(false);
  });

  it("verifies to no for any text, without an error", async () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom("$", "$pbkdf2-sha256$", "i=1", "c2FsdA", "0".repeat(32)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.string(), async (parts, password) => {
        expect(await verifyPassword(password, parts.join(""), md5)).toBe(false);
      }),
    );
  });
});
