import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aliasOf } from "../../worker/aliases.ts";

const aliases = [
  { source: "/", destination: "/status.xsl" },
  { source: "/listen", destination: "/live.mp3" },
  { source: "/live.mp3", destination: "/other.mp3" },
  { source: "/old", destination: "/never", port: 8000 },
  { source: "/old", destination: "/now?a=1" },
  { source: "/음악", destination: "/음 악#1.mp3" },
  { source: "/out", destination: "https://elsewhere.example/" },
  { source: "/two", destination: "//elsewhere.example/x" },
];
const go = (target: string, port: number | null = null): string | undefined =>
  aliasOf(new URL(target, "http://radio.example:8787"), port, aliases)?.href.replace(
    "http://radio.example:8787",
    "",
  );

describe("an alias", () => {
  it("leads where it says, once, with the query", () => {
    expect(go("/")).toBe("/status.xsl");
    expect(go("/listen?expires=1&signature=x")).toBe("/live.mp3?expires=1&signature=x");
    expect(go("/old?b=2")).toBe("/now?a=1&b=2");
    expect(go("/nothing")).toBeUndefined();
    expect(go("/listen/")).toBeUndefined();
  });

  it("of a port is for those who came through that port of an ingest host", () => {
    expect(go("/old", 8000)).toBe("/never");
    expect(go("/old", 8001)).toBe("/now?a=1");
  });

  it("may have any name, and leads nowhere but here", () => {
    expect(go("/%EC%9D%8C%EC%95%85")).toBe("/%EC%9D%8C%20%EC%95%85%231.mp3");
    expect(go("/out")).toBeUndefined();
    expect(aliasOf(new URL("http://radio.example/two"), null, aliases)?.host).toBe("radio.example");
  });

  it("throws at nothing that a listener or an operator may write", () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.string(), (target, destination) => {
        const url = new URL(target);
        const to = aliasOf(url, null, [{ source: url.pathname, destination }]);
        expect(to?.host ?? url.host).toBe(url.host);
      }),
    );
  });
});
