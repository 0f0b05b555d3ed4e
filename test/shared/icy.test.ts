import * as fc from "fast-check";
import { IcecastMetadataReader } from "icecast-metadata-js";
import { describe, expect, test } from "vitest";
import {
  encodeMetadataBlock,
  type FoundTitle,
  IcyDeinterleaver,
  IcyInterleaver,
  icyText,
  parseMetadataBlock,
} from "../../shared/icy.ts";
import { titleEncoding } from "../../shared/title-encoding.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (block: Uint8Array): string => new TextDecoder().decode(block.subarray(1)).replace(/\0+$/, "");
const block = (title: string): Uint8Array => encodeMetadataBlock({ text: title });
const zeros = (count: number): Uint8Array => new Uint8Array(count);

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

describe("a metadata block", () => {
  test("for a title is its length in units of 16, the title, and NULs", () => {
    expect(block("A - B")).toEqual(concatenate([Uint8Array.of(2), bytes("StreamTitle='A - B';"), zeros(12)]));
  });

  test("without a title has 17 bytes", () => {
    expect(block("")).toEqual(concatenate([Uint8Array.of(1), bytes("StreamTitle='';"), zeros(1)]));
  });

  test("ends in at least one NUL", () => {
    // StreamTitle='x'; has 16 bytes.
    expect(block("x")).toEqual(concatenate([Uint8Array.of(2), bytes("StreamTitle='x';"), zeros(16)]));
  });

  test("is UTF-8", () => {
    expect(text(block("아이유 - 좋은 날 🎧"))).toBe("StreamTitle='아이유 - 좋은 날 🎧';");
  });

  test("in another encoding ends no earlier than its title, and its URL is ASCII", () => {
    const latin1 = titleEncoding("iso-8859-1");
    const written = encodeMetadataBlock({ text: "Jóga '; ’; €", url: "http://x/ü" }, latin1);
    expect(Buffer.from(written.subarray(1)).toString("latin1").replace(/\0+$/, "")).toBe(
      "StreamTitle='Jóga ' ; ' ; ?';StreamUrl='http://x/%C3%BC';",
    );
    const cp1252 = encodeMetadataBlock({ text: "a';b" }, titleEncoding("windows-1252"));
    expect(cp1252[1 + "StreamTitle='a".length]).toBe(0x92);
  });

  test("carries a URL, with what would end it percent-encoded", () => {
    expect(text(encodeMetadataBlock({ text: "A", url: "http://x/it's;a b\u0000" }))).toBe(
      "StreamTitle='A';StreamUrl='http://x/it%27s;a%20b%00';",
    );
  });

  test("leaves out a URL that does not fit, and no part of the title", () => {
    const long = "x".repeat(4000);
    const room = 4079 - 15 - 13 - 4000;
    expect(text(encodeMetadataBlock({ text: long, url: "u".repeat(room) }))).toContain("StreamUrl='uuu");
    expect(text(encodeMetadataBlock({ text: long, url: "u".repeat(room + 1) }))).toBe(
      `StreamTitle='${long}';`,
    );
  });

  test("is never longer than 255 units, whatever the title", () => {
    const full = block("x".repeat(20_000));
    expect(full.length).toBe(1 + 4080);
    expect(full[0]).toBe(255);
    expect(text(full)).toBe(`StreamTitle='${"x".repeat(4064)}';`);
    expect(text(block("';".repeat(5000)))).toMatch(/^StreamTitle='(’;){1016}';$/);
  });

  test.each([
    ["it's; a 'q0';x", "it's; a 'q0’;x"],
    ["a';StreamUrl='http://evil';", "a’;StreamUrl='http://evil’;"],
    ["rock 'n'", "rock 'n'"],
    ["AC;DC", "AC;DC"],
    [";-)", " ;-)"],
    ["''';;", "''’;;"],
  ])("shows %j whole in players that stop at the first quote and semicolon", (title, shown) => {
    expect(icyText(title)).toBe(shown);
    expect(asFfmpegReads(text(block(title)))).toBe(shown);
  });
});

/** libavformat/http.c: from the opening quote on, up to the first `';`. */
function asFfmpegReads(fields: string): string {
  const opening = fields.indexOf("='");
  return fields.slice(opening + 2, fields.indexOf("';", opening));
}

describe("reading a metadata block", () => {
  test.each([
    ["StreamTitle='A - B';\0\0\0", { text: "A - B" }],
    ["StreamTitle='';\0", { text: "" }],
    ["StreamTitle='A';StreamUrl='http://x/';", { text: "A", url: "http://x/" }],
    ["StreamTitle='A';StreamUrl='';", { text: "A" }],
    ["StreamUrl='http://x/';StreamTitle='A';", { text: "A", url: "http://x/" }],
    ["StreamTitle='it's; a 'q0';x';", { text: "it's; a 'q0';x" }],
    ["StreamTitle='AC;DC - it's';StreamUrl='u';", { text: "AC;DC - it's", url: "u" }],
    ["StreamTitle='A';adw_ad='true';durationMilliseconds='1000';", { text: "A" }],
    ["StreamTitle='no end", { text: "no end" }],
    ["StreamTitle='no semicolon'", { text: "no semicolon" }],
    ["StreamUrl='http://x/';", null],
    ["\0\0\0", null],
    ["", null],
  ])("%j", (fields, expected) => {
    expect(parseMetadataBlock(bytes(fields))).toEqual(expected);
  });

  test("takes what is not UTF-8 as Latin-1", () => {
    const latin = Uint8Array.from("StreamTitle='Bj\xf6rk - J\xf3ga';\0", (c) => c.charCodeAt(0));
    expect(parseMetadataBlock(latin)).toEqual({ text: "Björk - Jóga" });
  });

  test("gives back any title and URL that was put in, as it reads in a block", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.webUrl(), (title, url) => {
        const found = parseMetadataBlock(encodeMetadataBlock({ text: title, url }).subarray(1));
        expect(found).toEqual({ text: icyText(title), url: url.replaceAll("'", "%27") });
      }),
    );
  });

  test("takes any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4080 }), fc.string(), (tail, head) => {
        expect(parseMetadataBlock(concatenate([bytes(`StreamTitle='${head}`), tail]))).not.toBeNull();
        expect(() => parseMetadataBlock(tail)).not.toThrow();
      }),
    );
  });
});

/** Bytes that are recognised by their place. */
const bytesFrom = (count: number, from = 0): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => 1 + ((from + index) % 250));

describe("interleaving", () => {
  const none = block("");

  test("puts a block after every metaint bytes of audio: the first with a title, later ones when it changed", () => {
    const icy = new IcyInterleaver(4);
    const out = icy.push(bytesFrom(14), [{ offset: 9, block: block("A - B") }]);
    expect(out).toEqual(
      concatenate([
        bytesFrom(4),
        none,
        bytesFrom(4, 4),
        zeros(1),
        bytesFrom(4, 8),
        block("A - B"),
        bytesFrom(2, 12),
      ]),
    );
  });

  test("announces the title in force at the listener's join with the first block", () => {
    const icy = new IcyInterleaver(4);
    icy.setTitle(block("A"));
    expect(icy.push(bytesFrom(5), [])).toEqual(concatenate([bytesFrom(4), block("A"), bytesFrom(1, 4)]));
  });

  test("lets a block at the end of one piece announce the title that begins with the next", () => {
    const icy = new IcyInterleaver(4);
    expect(icy.push(bytesFrom(4), [])).toEqual(bytesFrom(4));
    expect(icy.push(bytesFrom(1, 4), [{ offset: 0, block: block("A") }])).toEqual(
      concatenate([block("A"), bytesFrom(1, 4)]),
    );
  });

  test("carries a title that begins where the piece ends into the next one", () => {
    const icy = new IcyInterleaver(4);
    icy.push(bytesFrom(4), [{ offset: 4, block: block("A") }]);
    expect(icy.push(bytesFrom(1), [])).toEqual(concatenate([block("A"), bytesFrom(1)]));
  });

  test("does not repeat a title that is set again", () => {
    const icy = new IcyInterleaver(4);
    icy.setTitle(block("A"));
    icy.push(bytesFrom(5), []);
    icy.setTitle(block("A"));
    expect(icy.push(bytesFrom(4), [])).toEqual(concatenate([bytesFrom(3), zeros(1), bytesFrom(1, 3)]));
  });

  test("skips a title that another replaced before any block was due", () => {
    const icy = new IcyInterleaver(8);
    const titles = [
      { offset: 1, block: block("A") },
      { offset: 8, block: block("B") },
    ];
    expect(icy.push(bytesFrom(9), titles)).toEqual(concatenate([bytesFrom(8), block("B"), bytesFrom(1, 8)]));
  });

  test("gives every listener bytes of its own, also when no block is due", () => {
    const shared = bytesFrom(3);
    const out = new IcyInterleaver(16).push(shared, []);
    expect(out).toEqual(shared);
    expect(out.buffer).not.toBe(shared.buffer);
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses a metaint of %d", (metaint) => {
    expect(() => new IcyInterleaver(metaint)).toThrow(RangeError);
    expect(() => new IcyDeinterleaver(metaint)).toThrow(RangeError);
  });
});

/** A piece of audio with titles that begin inside it, in order. */
interface Piece {
  readonly audio: Uint8Array;
  readonly titles: readonly { readonly offset: number; readonly title: string }[];
}

const titleAt = fc.record({ offset: fc.nat(300), title: fc.string({ unit: "grapheme" }) });
const anyPiece: fc.Arbitrary<Piece> = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.array(titleAt, { maxLength: 4 }))
  .map(([bytesOfPiece, titles]) => ({
    audio: bytesOfPiece,
    titles: titles
      .map(({ offset, title }) => ({ offset: Math.min(offset, bytesOfPiece.length), title }))
      .toSorted((a, b) => a.offset - b.offset),
  }));
const pieces = fc.array(anyPiece, { maxLength: 8 });

function interleave(metaint: number, stream: readonly Piece[]): Uint8Array {
  const icy = new IcyInterleaver(metaint);
  return concatenate(
    stream.map(({ audio, titles }) =>
      icy.push(
        audio,
        titles.map(({ offset, title }) => ({ offset, block: block(title) })),
      ),
    ),
  );
}

/** What a listener must be told, worked out one byte at a time. */
function expectedTitles(metaint: number, stream: readonly Piece[]): FoundTitle[] {
  const found: FoundTitle[] = [];
  let title = "";
  let atByte = 0;
  for (const piece of stream) {
    for (let offset = 0; offset <= piece.audio.length; offset++) {
      for (const begun of piece.titles) if (begun.offset === offset) title = icyText(begun.title);
      if (offset === piece.audio.length) continue;
      const due = atByte > 0 && atByte % metaint === 0;
      if (due && found.at(-1)?.text !== title) found.push({ text: title, atByte });
      atByte++;
    }
  }
  return found;
}

function cutAt(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...cuts.map((cut) => cut % (whole.length + 1)), 0, whole.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => whole.subarray(places[index], end));
}

function deinterleave(metaint: number, chunks: readonly Uint8Array[]) {
  const icy = new IcyDeinterleaver(metaint);
  const found = chunks.map((chunk) => icy.push(chunk));
  return {
    audio: concatenate(found.flatMap(({ audio }) => audio)),
    titles: found.flatMap(({ titles }) => titles),
  };
}

describe("a stream that was interleaved", () => {
  const metaints = fc.integer({ min: 1, max: 400 });

  test("gives back its audio and its titles at their bytes, whole, byte by byte and at random cuts", () => {
    fc.assert(
      fc.property(metaints, pieces, fc.array(fc.nat()), (metaint, stream, cuts) => {
        const wire = interleave(metaint, stream);
        const expected = {
          audio: concatenate(stream.map(({ audio }) => audio)),
          titles: expectedTitles(metaint, stream),
        };
        expect(deinterleave(metaint, [wire])).toEqual(expected);
        expect(deinterleave(metaint, cutAt(wire, cuts))).toEqual(expected);
        expect(
          deinterleave(
            metaint,
            Array.from(wire, (byte) => Uint8Array.of(byte)),
          ),
        ).toEqual(expected);
      }),
    );
  });

  test("has the same bytes however its audio was cut into pieces", () => {
    fc.assert(
      fc.property(
        metaints,
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.nat()),
        (metaint, audio, cuts) => {
          const uncut = interleave(metaint, [{ audio, titles: [] }]);
          const cut = cutAt(audio, cuts).map((piece) => ({ audio: piece, titles: [] }));
          expect(interleave(metaint, cut)).toEqual(uncut);
        },
      ),
    );
  });

  test("reads the same in icecast-metadata-js", () => {
    fc.assert(
      fc.property(metaints, pieces, fc.array(fc.nat()), (metaint, stream, cuts) => {
        const wire = interleave(metaint, stream);
        const audio: Uint8Array[] = [];
        const titles: FoundTitle[] = [];
        const reader = new IcecastMetadataReader({
          icyMetaInt: metaint,
          metadataTypes: ["icy"],
          onStream: ({ stream: bytesOfStream }) => audio.push(bytesOfStream.slice()),
          onMetadata: ({ metadata, stats }) =>
            titles.push({ text: metadata.StreamTitle ?? "", atByte: stats.streamBytesRead }),
        });
        for (const chunk of cutAt(wire, cuts)) if (chunk.length > 0) reader.readAll(chunk);
        expect(concatenate(audio)).toEqual(concatenate(stream.map((piece) => piece.audio)));
        expect(titles).toEqual(expectedTitles(metaint, stream));
      }),
    );
  });
});

test("any bytes can be deinterleaved, and every one of them is accounted for", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.uint8Array({ maxLength: 2000 }), (metaint, wire) => {
      const { audio } = deinterleave(metaint, [wire]);
      let left = wire.length;
      let expected = 0;
      for (let at = 0; left > 0; ) {
        const run = Math.min(metaint, left);
        expected += run;
        at += run;
        left -= run;
        if (left === 0) break;
        const size = 1 + 16 * (wire[at] ?? 0);
        at += size;
        left -= Math.min(size, left);
      }
      expect(audio.length).toBe(expected);
    }),
  );
});
