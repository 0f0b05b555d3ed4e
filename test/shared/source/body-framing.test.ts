import { expect, test } from "vitest";
import { ProtocolError } from "../../../shared/protocol-error.ts";
import { bodyFraming } from "../../../shared/source/body-framing.ts";

function framing(method: string, headers: Record<string, string>) {
  return bodyFraming({
    method,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
  });
}

const authorization = "Basic c291cmNlOnB3";

test.each(["SOURCE", "PUT"])("%s without a length goes on until the connection closes", (method) => {
  expect(framing(method, { authorization })).toEqual({ kind: "until-close" });
});

test.each(["SOURCE", "PUT"])("%s with a length ends there", (method) => {
  expect(framing(method, { authorization, "content-length": "641234" })).toEqual({
    kind: "length",
    bytes: 641234,
  });
});

test("libshout's challenge, without credentials, has no body", () => {
  expect(framing("SOURCE", { "content-length": "0", connection: "Keep-Alive" })).toEqual({
    kind: "length",
    bytes: 0,
  });
});

test("libshout says Content-Length: 0 and streams, once it has shown credentials", () => {
  expect(framing("SOURCE", { authorization, "content-length": "0" })).toEqual({ kind: "until-close" });
});

test("chunked is chunked, in any case", () => {
  expect(framing("PUT", { "transfer-encoding": "Chunked" })).toEqual({ kind: "chunked" });
});

test.each(["gzip, chunked", "identity", "chunked, chunked", ""])("the coding %j is refused", (coding) => {
  expect(() => framing("PUT", { "transfer-encoding": coding })).toThrow(ProtocolError);
});

test("a coding of two header lines is refused", () => {
  const codings = ["chunked", "gzip"].map((value) => ({ name: "transfer-encoding", value }));
  expect(() => bodyFraming({ method: "PUT", headers: codings })).toThrow(ProtocolError);
});

test.each(["GET", "POST", "OPTIONS"])("%s without a length has no body", (method) => {
  expect(framing(method, {})).toEqual({ kind: "length", bytes: 0 });
});

test("a metadata form has the length it says", () => {
  expect(framing("POST", { authorization, "content-length": "0" })).toEqual({ kind: "length", bytes: 0 });
  expect(framing("POST", { "content-length": "12" })).toEqual({ kind: "length", bytes: 12 });
});
