import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64Url, encodeBase64Url } from "../../shared/base64.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";

describe("base64url", () => {
  it("is what Node writes, whatever the bytes and however many", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(encodeBase64Url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
      }),
    );
  });

  it("is read back byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(decodeBase64Url(encodeBase64Url(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each(["A", "AAAAA", "AA==", "AA+A", "AA/A", "AA A", "AAÀA"])("refuses %j", (text) => {
    expect(() => decodeBase64Url(text)).toThrow(ProtocolError);
  });
});
