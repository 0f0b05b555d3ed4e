import { timingSafeEqual } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { AddressCount, clientAddress } from "../../worker/client-address.ts";

const env = { INGEST_TOKEN: "token" };
const of = (
  headers: Record<string, string>,
  from: { INGEST_TOKEN?: string; REACHED_DIRECTLY?: string } = env,
) => clientAddress(new Headers(headers), from);

/** The Workers runtime has it, Node has it elsewhere. */
beforeAll(() => {
  Object.assign(crypto.subtle, {
    timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) => timingSafeEqual(Buffer.from(a), Buffer.from(b)),
  });
});

describe("a listener's address", () => {
  it("is the one that Cloudflare saw", async () => {
    expect(await of({ "CF-Connecting-IP": "203.0.113.9" })).toBe("203.0.113.9");
  });

  it("is the one that an ingest host vouches for, though that host has an address itself", async () => {
    const through = { "CF-Connecting-IP": "198.51.100.1", "X-Skywave-Client": "203.0.113.9" };
    expect(await of({ ...through, "X-Skywave-Ingest": "token" })).toBe("203.0.113.9");
  });

  it("is not what a listener says of itself", async () => {
    const forged = { "CF-Connecting-IP": "198.51.100.1", "X-Skywave-Client": "203.0.113.9" };
    expect(await of(forged)).toBe("198.51.100.1");
    expect(await of({ ...forged, "X-Skywave-Ingest": "guess" })).toBe("198.51.100.1");
    expect(await of({ ...forged, "X-Skywave-Ingest": "" }, { INGEST_TOKEN: "" })).toBe("198.51.100.1");
    expect(await of({ "X-Skywave-Client": "203.0.113.9" })).toBeNull();
  });

  it("is nobody's word but an ingest host's where Cloudflare is not in front", async () => {
    const direct = { ...env, REACHED_DIRECTLY: "1" };
    const forged = { "CF-Connecting-IP": "203.0.113.9" };
    expect(await of(forged, direct)).toBeNull();
    const vouched = { ...forged, "X-Skywave-Ingest": "token", "X-Skywave-Client": "198.51.100.7" };
    expect(await of(vouched, direct)).toBe("198.51.100.7");
  });

  it.each([
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["a host", null],
    ["", null],
  ])("of %j is %j", async (given, expected) => {
    expect(await of({ "X-Skywave-Ingest": "token", "X-Skywave-Client": given })).toBe(expected);
  });
});

describe("listeners of one address", () => {
  it("are as many as are allowed, and another when one has left", () => {
    const count = new AddressCount();
    const [first, second] = [count.enter("a", 2), count.enter("a", 2)];
    expect(second).not.toBeNull();
    expect(count.enter("a", 2)).toBeNull();
    expect(count.enter("b", 2)).not.toBeNull();
    first?.();
    first?.();
    expect(count.enter("a", 2)).not.toBeNull();
    expect(count.enter("a", 2)).toBeNull();
  });

  it("leave nothing behind", () => {
    const count = new AddressCount();
    const leave = [count.enter("a", undefined), count.enter("a", 5), count.enter(null, 0)];
    expect(count.size).toBe(1);
    for (const each of leave) each?.();
    expect(count.size).toBe(0);
  });

  it("are not counted when the address is not known", () => {
    const count = new AddressCount();
    expect(count.enter(null, 0)).not.toBeNull();
  });
});
