import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../config/config-error.ts";
import { convertIcecastXml } from "../../../config/convert.ts";
import { readIcecastXml } from "../../../config/icecast-xml/read-icecast-xml.ts";
import { parseStation } from "../../../config/station-file.ts";

const everything = readFileSync(join(import.meta.dirname, "everything.xml"), "utf8");
const names = [...new Set([...everything.matchAll(/<([a-z-]+)/g)].map(([, name]) => name ?? ""))];

const value = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "-1",
    "8000",
    "/live.mp3",
    "/*",
    "radio.example",
    "http://a:b@c/",
    "128k",
    "10s",
    "",
    "${HOME}",
    "/**",
  ),
  fc.string({ maxLength: 6 }),
  fc.integer().map(String),
);
const escaped = (text: string) =>
  text
    .replace(/[\p{Cc}\uFFFE\uFFFF]|\p{Cs}/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("]]>", "")
    .replaceAll('"', "&quot;");

interface Node {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly Node[];
}
const { element } = fc.letrec<{ element: Node }>((tie) => ({
  element: fc.record({
    name: fc.constantFrom(
      ...names,
      "linger-for",
      "hijack",
      "upstream",
      "role",
      "yp-directory",
      "__proto__",
      "constructor",
    ),
    attributes: fc.dictionary(
      fc.constantFrom("type", "name", "value", "source", "destination", "port", "mount", "url", "status"),
      fc.oneof(value, fc.constantFrom("default", "url", "htpasswd", "listener_add", "filename")),
      { maxKeys: 3 },
    ),
    text: value,
    children: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie("element"), { maxLength: 4 })),
  }),
}));
const write = ({ name, attributes, text, children }: Node): string => {
  const list = Object.entries(attributes).map(([key, each]) => ` ${key}="${escaped(each)}"`);
  const content = children.length > 0 ? children.map(write).join("\n") : escaped(text);
  return `<${name}${list.join("")}>${content}</${name}>`;
};

describe("any icecast.xml", () => {
  it("is read, and means the same when it is converted, or has problems with their lines", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), (elements) => {
        const bytes = Buffer.from(`<icecast>\n${elements.map(write).join("\n")}\n</icecast>`);
        try {
          const xml = readIcecastXml(bytes, { file: "i.xml", startedIn: "/nowhere" });
          const converted = convertIcecastXml(xml, "i.xml");
          const again = parseStation(converted, { file: "s.toml", fileProblem: () => undefined, env: {} });
          expect(again).toEqual(xml.station);
          expect(Object.keys(again.mounts)).toEqual(Object.keys(xml.station.mounts));
          read++;
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          for (const problem of error.problems) expect(problem).toMatch(/^i\.xml:\d+: ./);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it("with any text in the place of a value is read, or has problems with their lines", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), value, (name, text) => {
        const changed = everything.replace(
          new RegExp(`<${name}>[^<]*</${name}>`),
          () => `<${name}>${escaped(text)}</${name}>`,
        );
        try {
          readIcecastXml(Buffer.from(changed), { file: "i.xml", startedIn: "/nowhere" });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          for (const problem of error.problems) expect(problem).toMatch(/^i\.xml:\d+: ./);
        }
      }),
    );
  });
});
