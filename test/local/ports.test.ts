import { describe, expect, it } from "vitest";
import { portMistakes, privatePort, publicPorts } from "../../local/ports.ts";

const tls = { port: 8443, shoutcastPort: 8444, certFile: "", keyFile: "" };
const mistakes = (edgePort: number, port: number, shoutcastPort: number, tlsPort = tls) =>
  portMistakes(publicPorts({ edgePort, ingest: { port, shoutcastPort, tls: tlsPort } }));

describe("the choice of ports", () => {
  it("is fine when each serves one thing", () => {
    expect(mistakes(8787, 8000, 8001)).toEqual([]);
  });

  it("names both uses of a port that is to serve two", () => {
    expect(mistakes(8000, 8000, 8001)).toEqual([
      "port 8000 cannot serve both listeners, --edge-port, and sources, --ingest-port",
    ]);
    expect(mistakes(8001, 8000, 8001)).toEqual([
      "port 8001 cannot serve both listeners, --edge-port, and SHOUTcast sources, --ingest-port + 1",
    ]);
    expect(mistakes(8787, 8443, 8444)).toEqual([
      "port 8443 cannot serve both sources, --ingest-port, and sources over TLS, ingest.tls.port",
      "port 8444 cannot serve both SHOUTcast sources, --ingest-port + 1, and SHOUTcast sources over TLS, ingest.tls.port + 1",
    ]);
  });

  it("cannot be left to the system", () => {
    expect(mistakes(0, 8000, 8001)).toEqual([
      "port 0 (listeners, --edge-port) cannot be chosen for a whole station",
    ]);
    expect(mistakes(8787, 0, 0)).toHaveLength(2);
  });
});

describe("the private port", () => {
  it("is near the one given, on its far side where the range ends", async () => {
    const above = (await privatePort(19_700, new Set())) ?? 0;
    expect(above).toBeGreaterThan(19_700);
    const below = (await privatePort(65_534, new Set())) ?? 0;
    expect(below).toBeGreaterThan(65_400);
    expect(below).toBeLessThan(65_534);
  });

  it("is none when all of them are taken", async () => {
    const all = new Set(Array.from({ length: 200 }, (_, index) => 19_700 + index));
    expect(await privatePort(19_700, all)).toBeUndefined();
  });
});
