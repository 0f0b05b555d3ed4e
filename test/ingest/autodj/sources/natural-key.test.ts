import fc from "fast-check";
import { expect, test } from "vitest";
import { compareNatural, naturalKey } from "../../../../ingest/autodj/sources/natural-key.ts";

const compare = (a: string, b: string) => Math.sign(Number(a > b) - Number(a < b));
const sorted = (names: readonly string[]) => names.toSorted((a, b) => compare(naturalKey(a), naturalKey(b)));

test.each([
  ["numbers by what they count", ["2.mp3", "10.mp3", "100.mp3"]],
  ["numbers with zeros before them", ["01.mp3", "2.mp3", "003.mp3"]],
  ["letters whatever their case", ["Abba", "beatles", "Cure"]],
  ["accents with their letters, composed or not", ["Éa", "ee", "E\u0301f", "eg"]],
  ["a folder before one whose name goes on", ["/music/a/z.mp3", "/music/a b/a.mp3", "/music/a-b/a.mp3"]],
  ["discs and tracks", ["cd2/9 x", "cd2/10 a", "cd10/1 a"]],
  ["Hangul as it is ordered", ["가을", "나비", "하늘"]],
  ["kana", ["あめ", "かぜ", "ゆき"]],
])("%s", (_, names) => {
  expect(sorted(names.toReversed())).toEqual(names);
});

test("a number longer than any is a name like others", () => {
  expect(sorted([`${"9".repeat(5000)}.mp3`, "1.mp3"])).toEqual(["1.mp3", `${"9".repeat(5000)}.mp3`]);
});

test("ASCII names are ordered as ICU orders numbers", () => {
  const collator = new Intl.Collator("en", { numeric: true });
  const name = fc.array(fc.oneof(fc.constantFrom("a", "b", "z"), fc.nat({ max: 2000 }).map(String)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(name, name, (a, b) => {
      const [one, two] = [a.join(""), b.join("")];
      expect(compare(naturalKey(one), naturalKey(two))).toBe(Math.sign(collator.compare(one, two)));
    }),
  );
});

test("any text has a key, and the same one however it is composed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(naturalKey(text.normalize("NFD"))).toBe(naturalKey(text.normalize("NFC")));
    }),
  );
});

test("names that are equal to people have an order too, however they are listed", () => {
  const names = ["01.mp3", "1.mp3", "A.mp3", "a.mp3", "e.mp3", "é.mp3"];
  fc.assert(
    fc.property(fc.shuffledSubarray(names, { minLength: names.length }), (listed) => {
      const keyed = listed.map((name) => ({ name, key: naturalKey(name) }));
      expect(keyed.toSorted(compareNatural).map(({ name }) => name)).toEqual(names);
    }),
  );
});
