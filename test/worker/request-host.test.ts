import { timingSafeEqual } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../worker/env.ts";
import { forwardedHost, ingestPort } from "../../worker/request-host.ts";

const env = { INGEST_TOKEN: "token" } as Env;
const through = (host: string, token = "token") =>
  new Headers({ "X-Skywave-Ingest": token, "X-Forwarded-Host": host });

beforeAll(() => {
  Object.assign(crypto.subtle, {
    timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) => timingSafeEqual(Buffer.from(a), Buffer.from(b)),
  });
});

describe("the host that an ingest host was asked for", () => {
  it.each(["radio.example", "radio.example:8000", "[::1]:8000", "127.0.0.1", "under_score"])(
    "may be %s",
    async (host) => {
      expect(await forwardedHost(through(host), env)).toBe(host);
    },
  );

  it.each(["a:b:c", "[", "[::1", "x]", ":", ":80", "radio.example:99999", "1.2.3.4.5", "a/b", "a@b", "a b"])(
    "is none where %s is no address",
    async (host) => {
      expect(await forwardedHost(through(host), env)).toBeNull();
    },
  );

  it("is believed from an ingest host alone", async () => {
    expect(await forwardedHost(through("radio.example:8000", "another"), env)).toBeNull();
    expect(await forwardedHost(new Headers({ "X-Forwarded-Host": "radio.example" }), env)).toBeNull();
    expect(await ingestPort(through("radio.example:8000"), env)).toBe(8000);
    expect(await ingestPort(through("radio.example:8000", "another"), env)).toBeNull();
  });
});
