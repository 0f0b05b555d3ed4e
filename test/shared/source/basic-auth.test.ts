import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseBasicAuth } from "../../../shared/source/basic-auth.ts";
import { bytesOf } from "./cut.ts";

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

test.each([
  ["as every source sends it", "Basic c291cmNlOmhhY2ttZQ==", { user: "source", password: "hackme" }],
  [
    "with the scheme in another case and more spaces",
    "bASIC   c291cmNlOnB3  ",
    { user: "source", password: "pw" },
  ],
  ["without padding", "Basic c291cmNlOmhhY2ttZQ", { user: "source", password: "hackme" }],
  ["with colons in the password", "Basic ZGo6YTpiOmM=", { user: "dj", password: "a:b:c" }],
  ["with nothing in it", "Basic Og==", { user: "", password: "" }],
])("credentials %s", (_, value, credentials) => {
  expect(parseBasicAuth(value)).toEqual(credentials);
});

test("credentials are UTF-8, and Latin-1 when they are not", () => {
  expect(parseBasicAuth(`Basic ${base64(bytesOf("dj:비밀"))}`)).toEqual({ user: "dj", password: "비밀" });
  expect(parseBasicAuth("Basic ZGo66Q==")).toEqual({ user: "dj", password: "é" });
});

test.each([
  undefined,
  "",
  "Basic",
  "Basic ",
  "Bearer c291cmNlOnB3",
  "Basic c291cmNl",
  "Basic c291c",
  "Basic c291!mNlOnB3",
  "Basic c291cmNlOnB3 x",
  "Basic c29=cmNlOnB3",
  "Basic c291cmN_OnB-",
  "Digest username=source",
])("%j has no credentials", (value) => {
  expect(parseBasicAuth(value)).toBeNull();
});

test("whatever a client encodes comes back", () => {
  const word = fc.string({ unit: "grapheme", maxLength: 20 });
  fc.assert(
    fc.property(word, word, (left, password) => {
      const user = left.replaceAll(":", "");
      expect(parseBasicAuth(`Basic ${base64(bytesOf(`${user}:${password}`))}`)).toEqual({ user, password });
    }),
  );
});

test("any header value has credentials or none", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `Basic ${text}`),
      ),
      (value) => {
        const credentials = parseBasicAuth(value);
        expect(credentials === null || typeof credentials.password === "string").toBe(true);
      },
    ),
  );
});
