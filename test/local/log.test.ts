import { describe, expect, it } from "vitest";
import { LineSplitter, level, parseLine, readableLog } from "../../local/log.ts";

describe("the lines a process writes", () => {
  const text = 'one\r\nzwei ü\n\n{"msg":"drei 🎵"}\nrest';
  const lines = ["one", "zwei ü", '{"msg":"drei 🎵"}', "rest"];

  it.each([1, 2, 3, 7, 1000])("are the same in pieces of %i bytes", (size) => {
    const bytes = new TextEncoder().encode(text);
    const splitter = new LineSplitter();
    const got: string[] = [];
    for (let at = 0; at < bytes.length; at += size) got.push(...splitter.push(bytes.subarray(at, at + size)));
    expect([...got, ...splitter.flush()]).toEqual(lines);
    expect(splitter.flush()).toEqual([]);
  });

  it("keep their fields when they are structured, and become a message when they are not", () => {
    expect(
      parseLine('{"level":40,"time":5,"name":"x","msg":"m","mount":"/a"}', "ingest", 9, level.info),
    ).toEqual({
      level: 40,
      time: 5,
      name: "ingest",
      msg: "m",
      mount: "/a",
    });
    for (const words of ["Segmentation fault", "{", "null", '{"msg":"no level"}']) {
      expect(parseLine(words, "edge", 9, level.warn)).toEqual({
        level: 40,
        time: 9,
        name: "edge",
        msg: words,
      });
    }
  });

  it("show characters that turn a line around or hide in it by their numbers", () => {
    const title = "a\u202eb\u200bc\u009bd\u{e0041}";
    const line = readableLog(false)({
      level: level.info,
      time: 0,
      name: "x",
      msg: "m",
      title,
      list: [title],
    });
    const shown = '"a\\u{202e}b\\u{200b}c\\u{9b}d\\u{e0041}"';
    expect(line).toContain(`title=${shown}  list=[${shown}]\n`);
  });

  it("read as time, who, message and fields on one line", () => {
    const line = readableLog(false)({
      level: level.warn,
      time: 0,
      name: "ingest",
      msg: "source lost",
      mount: "/a",
      title: "Two words\n\u001b[31m",
    });
    // What comes from the network is quoted and cannot reach the terminal.
    expect(line).toMatch(
      /^\[\d\d:\d\d:\d\d\] WARN: ingest {2}source lost {2}mount=\/a {2}title="Two words\\n\\u001b\[31m"\n$/,
    );
  });
});
