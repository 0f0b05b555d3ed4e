import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Metric, metricsText } from "../../shared/metrics-text.ts";

const gauge = (labels: Record<string, string>, value = 1): Metric => ({
  type: "gauge",
  name: "skywave_x",
  help: "X.",
  samples: [{ labels, value }],
});

describe("metrics as text", () => {
  it("have what they are before their samples", () => {
    const counter: Metric = {
      type: "counter",
      name: "skywave_sent_bytes_total",
      help: "Bytes sent\nin \\ all.",
      samples: [{ value: 1e21 }, { labels: { mount: "/a.mp3", country: "" }, value: 0.5 }],
    };
    expect(metricsText([counter, gauge({})])).toBe(
      [
        "# HELP skywave_sent_bytes_total Bytes sent\\nin \\\\ all.",
        "# TYPE skywave_sent_bytes_total counter",
        "skywave_sent_bytes_total 1e+21",
        'skywave_sent_bytes_total{mount="/a.mp3",country=""} 0.5',
        "# HELP skywave_x X.",
        "# TYPE skywave_x gauge",
        "skywave_x 1",
        "",
      ].join("\n"),
    );
  });

  it.each([
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
  ])("write %d as Prometheus reads it", (value, text) => {
    expect(metricsText([gauge({}, value)])).toContain(`\nskywave_x ${text}\n`);
  });

  it("leave out what has no samples", () => {
    expect(metricsText([{ ...gauge({}), samples: [] }])).toBe("");
  });

  it.each([
    { ...gauge({}), name: "1x" },
    { ...gauge({}), name: "x_total" },
    { ...gauge({}), type: "counter" as const },
    gauge({ "a-b": "" }),
  ])("refuse a name that cannot be: %o", (metric) => {
    expect(() => metricsText([metric])).toThrow(RangeError);
  });

  it("give every label's value back to who reads them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (a, b) => {
        const line = metricsText([gauge({ a, b })]).split("\n")[2] ?? "";
        const [, first = "", second = ""] =
          /^skywave_x\{a="((?:[^"\\]|\\.)*)",b="((?:[^"\\]|\\.)*)"\} 1$/s.exec(line) ?? [];
        const unescape = (text: string) =>
          text.replace(/\\(.)/g, (_, sign: string) => (sign === "n" ? "\n" : sign));
        expect([unescape(first), unescape(second)]).toEqual([a.toWellFormed(), b.toWellFormed()]);
      }),
    );
  });
});
