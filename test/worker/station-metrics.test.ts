import { describe, expect, it } from "vitest";
import { metricsText } from "../../shared/metrics-text.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { millis } from "../../shared/units.ts";
import { describeStation } from "../../worker/station-metrics.ts";

describe("the edge's metrics", () => {
  it("tell of each mount, its listeners and their countries", () => {
    const mount = mountPath('/a "b".mp3');
    const status = {
      mount,
      source: { contentType: "audio/mpeg", ip: "192.0.2.1", protocol: "PUT" },
      streamStartMs: millis(2_500),
      listeners: 3,
      listenerPeak: 4,
      onAir: true,
      bitrateKbps: 128,
    };
    const text = metricsText(
      describeStation(
        { startedMs: 1_000, mounts: [status] },
        { listenerConnections: 10, sourceConnections: 2, bytesSent: 300, slowListeners: 1 },
        new Map([
          [
            mount,
            { sessions: 9, uniqueToday: 5, byCountry: { KR: 2, "": 1 }, bytesSent: 200, slowListeners: 0 },
          ],
        ]),
      ),
    );
    for (const line of [
      "skywave_directory_start_time_seconds 1",
      "skywave_mounts 1",
      "skywave_listener_connections_total 10",
      "# TYPE skywave_sent_bytes_total counter",
      "skywave_sent_bytes_total 300",
      'skywave_mount_listeners{mount="/a \\"b\\".mp3"} 3',
      'skywave_mount_source_start_time_seconds{mount="/a \\"b\\".mp3"} 2.5',
      'skywave_mount_bits_per_second{mount="/a \\"b\\".mp3"} 128000',
      'skywave_mount_sessions_total{mount="/a \\"b\\".mp3"} 9',
      'skywave_mount_sessions{mount="/a \\"b\\".mp3",country="KR"} 2',
      'skywave_mount_sessions{mount="/a \\"b\\".mp3",country=""} 1',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toContain("192.0.2.1");
  });
});
