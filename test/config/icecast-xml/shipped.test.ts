import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { convertIcecastXml } from "../../../config/convert.ts";
import { readIcecastXml } from "../../../config/icecast-xml/read-icecast-xml.ts";
import { parseStation } from "../../../config/station-file.ts";

/** As Debian's icecast2 2.4.4 ships them. */
const docs = "/usr/share/doc/icecast2";
const shipped = [
  "icecast.xml.dist.gz",
  "icecast_minimal.xml.dist",
  "icecast_shoutcast_compat.xml.dist",
  "icecast_urlauth.xml.dist",
]
  .map((name) => `${docs}/${name}`)
  .filter((file) => existsSync(file));

const read = (file: string) => {
  const bytes = readFileSync(file);
  return readIcecastXml(file.endsWith(".gz") ? gunzipSync(bytes) : bytes, { file, startedIn: "/" });
};

describe("the example of a small station", () => {
  it("is read with two notes, and converted without a change", () => {
    const file = join(import.meta.dirname, "../../../examples/icecast.xml");
    const xml = read(file);
    // The folders are those of a machine with Icecast.
    const notes = xml.notes
      .map(({ element }) => element)
      .filter((name) => !["<logdir>", "<webroot>"].includes(name));
    expect(notes).toEqual(["<adminroot>", "<errorlog>"]);
    const toml = convertIcecastXml(xml, file);
    expect(parseStation(toml, { file: "s.toml", fileProblem: () => undefined, env: {} })).toEqual(
      xml.station,
    );
  });
});

describe.skipIf(shipped.length === 0)("a configuration that Debian ships", () => {
  it.each(shipped)("%s is read without a problem, and converted without a change", (file) => {
    const xml = read(file);
    expect(xml.station.ingest).toMatchObject({ port: 8000, address: "0.0.0.0" });
    expect(xml.station.sources.password).toBe("hackme");
    const toml = convertIcecastXml(xml, file);
    expect(parseStation(toml, { file: "s.toml", fileProblem: () => undefined, env: {} })).toEqual(
      xml.station,
    );
  });
});
