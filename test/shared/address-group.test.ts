import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addressGroup } from "../../shared/address-group.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8::5:6:7:8:9", "2001:db8:0:5::/64"],
  ["2001:db8::5:6:7:8", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["unknown", "unknown"],
  ["", ""],
])("%s is counted as %s", (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

test("every address of a /64 is counted alike, however it is written, and no other is", () => {
  const hextet = fc.integer({ min: 0, max: 0xffff });
  const part = fc.tuple(hextet, hextet, hextet, hextet);
  const long = (groups: readonly number[]) =>
    groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
  // The URL parser compresses as RFC 5952 says.
  const short = (text: string) => new URL(`http://[${text}]/`).hostname.slice(1, -1);
  fc.assert(
    fc.property(part, part, part, (network, host, other) => {
      fc.pre(!(network.join() === "0,0,0,0" && host[0] === 0 && host[1] === 0));
      const address = long([...network, ...host]);
      const group = addressGroup(address);
      expect(addressGroup(short(address))).toBe(group);
      expect(addressGroup(long([...network, ...other]))).toBe(group);
      const same = long(network) === long(other);
      expect(addressGroup(long([...other, ...host])) === group).toBe(same);
    }),
  );
});

test("whatever text is given, something is counted", () => {
  fc.assert(fc.property(fc.string(), (text) => typeof addressGroup(text) === "string"));
});
