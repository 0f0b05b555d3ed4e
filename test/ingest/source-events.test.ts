import { afterEach, beforeEach, expect, test } from "vitest";
import { openLog } from "../../ingest/log.ts";
import { type SourceEvent, SourceEvents, type SourceOnAir } from "../../ingest/source-events.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { epoch, millis } from "../../shared/units.ts";
import {
  basic,
  eventually,
  frames,
  RunningIngest,
  sourceHead,
  sourcePassword,
  usualLimits,
} from "./running-ingest.ts";

let running: RunningIngest;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open({ limits: { ...usualLimits, sourceTimeoutMs: 20_000 } });
});
afterEach(() => running.close());

const title = (sequence: number, text: string) => ({ sequence, kind: "title" as const, title: { text } });

test("a source's connecting, its titles and its end are told in their order", async () => {
  const source = running.connect();
  source.send(sourceHead("/a.mp3"));
  await source.until(/200 OK/);
  await running.exchange(
    `GET /admin/metadata?mode=updinfo&mount=/a.mp3&song=one HTTP/1.0\r\n${basic("source", sourcePassword)}\r\n`,
  );
  source.socket.end();
  await eventually(() => running.events.length === 3);
  expect(running.events).toEqual([
    "connected /a.mp3 source",
    "title /a.mp3 one",
    "disconnected /a.mp3: the source closed its connection",
  ]);
});

test("the mount's orders are carried out once each, in order, and named as done", async () => {
  running.edge.holdReply = { orders: [title(2, "second"), title(1, "first")], listeners: 7 };
  const source = running.connect();
  source.send(sourceHead("/a.mp3"));
  source.send(frames(60));
  await eventually(() => running.edge.ordersDone === 2);
  running.edge.holdReply = { orders: [title(2, "second"), title(3, "third")] };
  await eventually(() => running.edge.ordersDone === 3);
  expect(running.events).toEqual([
    "connected /a.mp3 source",
    "title /a.mp3 first",
    "title /a.mp3 second",
    "title /a.mp3 third",
  ]);
  source.socket.destroy();
});

test("a source that the edge sends away is gone, and the log has the edge's word for it", async () => {
  const source = running.connect();
  source.send(sourceHead("/a.mp3"));
  await source.until(/200 OK/);
  running.edge.apiAnswer = { renew: 410 };
  await source.text();
  expect(running.events.at(-1)).toBe("disconnected /a.mp3: sent away by the edge: test");
  expect(running.logLines.join("")).toContain("sent away by the edge: test");
});

test("a listener that throws is logged and keeps nobody else from the event", () => {
  const lines: string[] = [];
  const events = new SourceEvents(openLog("info", { write: (line) => void lines.push(line) }));
  const heard: SourceEvent[] = [];
  events.subscribe(() => {
    throw new Error("a defect");
  });
  const end = events.subscribe((event) => void heard.push(event));
  const source: SourceOnAir = {
    mount: mountPath("/m"),
    epoch: epoch(1),
    info: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT" },
    user: null,
    startedMs: millis(0),
    bytes: 0,
    counts: { frames: 0, garbageBytes: 0, tagBytes: 0, infoFrames: 0, resyncs: 0 },
    listeners: 0,
    title: null,
  };
  events.emit({ kind: "connected", source, atMs: millis(0) });
  end();
  events.emit({ kind: "connected", source, atMs: millis(1) });
  expect(heard).toEqual([{ kind: "connected", source, atMs: 0 }]);
  expect(lines.join("")).toContain("a defect");
});
