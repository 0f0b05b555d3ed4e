import { describe, expect, it } from "vitest";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { addHeaders, stationHeaders } from "../../worker/station-headers.ts";

const station = edgeStationSchema.parse({
  headers: [
    { name: "X-Station", value: "all" },
    { name: "X-Missing", value: "yes", status: 404 },
    { name: "Content-Length", value: "7" },
  ],
  mounts: {
    "/live.mp3": { headers: [{ name: "X-Mount", value: "live" }] },
    "/음악": { headers: [{ name: "X-Mount", value: "music" }] },
  },
});
const names = (path: string, status: number) =>
  stationHeaders(station, path, status).map(({ name, value }) => `${name}: ${value}`);

describe("the station's headers", () => {
  it("are on every reply, or on those of one status; never those that frame it", () => {
    expect(names("/status.xsl", 200)).toEqual(["X-Station: all"]);
    expect(names("/a/../..", 404)).toEqual(["X-Station: all", "X-Missing: yes"]);
  });

  it("of a mount are on replies of that mount", () => {
    expect(names("/live.mp3", 200)).toEqual(["X-Station: all", "X-Mount: live"]);
    expect(names("/%EC%9D%8C%EC%95%85", 401)).toEqual(["X-Station: all", "X-Mount: music"]);
    expect(names("/other.mp3", 200)).toEqual(["X-Station: all"]);
  });

  it("replace what the reply has, and of one name all of them stay", () => {
    const headers = new Headers({ "Access-Control-Allow-Origin": "*" });
    addHeaders(headers, [
      { name: "access-control-allow-origin", value: "https://radio.example" },
      { name: "Link", value: "<a>" },
      { name: "link", value: "<b>\u0001;" },
    ]);
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://radio.example");
    expect(headers.get("Link")).toBe("<a>, <b> ;");
  });
});
