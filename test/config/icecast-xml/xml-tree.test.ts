import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XmlError } from "../../../config/icecast-xml/xml-text.ts";
import { readXml, type XmlElement } from "../../../config/icecast-xml/xml-tree.ts";

const read = (text: string) => readXml(Buffer.from(text));
const textOf = (bytes: Uint8Array) => readXml(bytes).text;

function errorOf(bytes: Uint8Array | string): XmlError {
  try {
    readXml(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
  throw new Error("it was read");
}

describe("an XML file", () => {
  it("is elements with their lines, attributes, and texts without comments", () => {
    const { name, line, children } = read(
      '<?xml version="1.0"?>\n<a>\n <b x="1&quot;">one<!-- <c/> -->two<![CDATA[<&>]]>&#51;&amp;</b>\n <b\n  y=\'2\'/></a>\n<!-- end -->',
    );
    expect([name, line]).toEqual(["a", 2]);
    expect(children.map(({ line: at, attributes, text }) => ({ at, attributes, text }))).toEqual([
      { at: 3, attributes: { x: '1"' }, text: "onetwo<&>3&" },
      { at: 4, attributes: { y: "2" }, text: "" },
    ]);
  });

  it.each([
    ["UTF-8", Buffer.from("<a>Jóga</a>")],
    ["UTF-8 with a byte order mark", Buffer.from("\uFEFF<a>Jóga</a>")],
    ["UTF-8 by its declaration", Buffer.from('<?xml version="1.0" encoding="utf-8"?><a>Jóga</a>')],
    ["Latin-1", Buffer.from("<?xml version='1.0' encoding='ISO-8859-1'?><a>Jóga</a>", "latin1")],
    ["windows-1252", Buffer.from('<?xml version="1.0" encoding="windows-1252"?><a>Jóga</a>', "latin1")],
    ["UTF-16 with a byte order mark", Buffer.from("\uFEFF<a>Jóga</a>", "utf16le")],
    ["UTF-16 by its first bytes", Buffer.from("<a>Jóga</a>", "utf16le")],
  ])("is read in its encoding: %s", (_, bytes) => {
    expect(textOf(bytes)).toBe("Jóga");
  });

  it("has bytes that are not of its encoding reported with their line", () => {
    const error = errorOf(Buffer.from("<a>\n\xf3</a>", "latin1"));
    expect([error.line, error.message]).toEqual([2, "not utf-8, which the file should be"]);
    expect(errorOf('<?xml version="1.0" encoding="klingon"?><a/>').message).toBe(
      'the encoding "klingon" is not known',
    );
  });

  it.each([
    ["an external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
    ["an external type", '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/evil.dtd"><a/>'],
    [
      "entities of entities",
      '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;"><!ENTITY d "&c;&c;">]><a>&d;</a>',
    ],
    ["parameter entities", '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>'],
  ])("is refused with %s", (_, text) => {
    expect(errorOf(text).message).toContain("document type declaration");
  });

  it("is refused with an entity that is nobody's", () => {
    expect(errorOf("<a>\n&secret;</a>").line).toBe(2);
  });

  it("is refused when it is too deep, too large or has too many elements", () => {
    expect(read("<a>".repeat(16) + "</a>".repeat(16)).name).toBe("a");
    expect(errorOf("<a>".repeat(17)).message).toContain("16 deep");
    expect(errorOf(`<a>${"<b/>".repeat(50_000)}</a>`).message).toContain("50000 elements");
    expect(errorOf(Buffer.alloc(4 * 1024 * 1024 + 1, " ")).message).toContain("4 MiB");
  });

  it("has its first mistake reported with its line", () => {
    for (const text of [
      "<a>\n<b></a>",
      "<a>\n<b c='1' c='2'/></a>",
      "<a>\n</a><b/>",
      "<a>\n<",
      "<a>\n<b c=1/></a>",
    ])
      expect(errorOf(text).line).toBe(2);
  });

  it("is read or refused, whatever is in it", () => {
    const part = fc.oneof(
      fc.constantFrom(
        "<icecast>",
        "</icecast>",
        "<limits>",
        "</limits>",
        "<a b='c'/>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
      ),
      fc.constantFrom(
        "<!DOCTYPE a>",
        "&amp;",
        "&#x0;",
        "&#99;",
        "<?xml version='1.0'?>",
        "<?pi?>",
        "\u0000",
        "\uFFFF",
      ),
      fc.string({ unit: "binary", maxLength: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 20 }),
        fc.constantFrom("utf8", "utf16le", "latin1"),
        (parts, encoding) => {
          const bytes = Buffer.from(parts.join(""), encoding as BufferEncoding);
          let root: XmlElement;
          try {
            root = readXml(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(XmlError);
            return;
          }
          expect(root.name).not.toBe("");
        },
      ),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(errorOf(bytes)).toBeInstanceOf(XmlError);
      }),
    );
  });
});
