import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadIngestSettings } from "../../config/settings.ts";
import { CredentialCheck } from "../../ingest/credentials.ts";
import { CurrentSettings } from "../../ingest/current-settings.ts";
import { mountPath } from "../../shared/mount-path.ts";

const folder = mkdtempSync(join(tmpdir(), "skywave-current-"));
afterAll(() => rmSync(folder, { recursive: true }));
const settings = loadIngestSettings(["--data", folder], {});

describe("the settings in force", () => {
  it("are the new ones at once for whoever reads them, passwords included", () => {
    const current = new CurrentSettings(settings);
    const credentials = new CredentialCheck(current);
    const mount = mountPath("/m");
    const held = current.change({
      ...settings,
      sourcePassword: "new",
      mounts: new Map([["/own", { password: "own" }]]),
      limits: { ...settings.limits, sources: 1 },
    });
    expect(held).toEqual([]);
    expect(current.now.limits.sources).toBe(1);
    expect(credentials.isSource(mount, { user: "source", password: "new" })).toBe(true);
    expect(credentials.isSource(mount, { user: "source", password: settings.sourcePassword })).toBe(false);
    expect(credentials.shoutcastMount({ password: "own", unsplit: "own" })).toBe("/own");
  });

  it("keep what only a restart can change, and name it", () => {
    const current = new CurrentSettings(settings);
    const tls = { port: 1, shoutcastPort: 2, certFile: "c", keyFile: "k" };
    const held = current.change({
      ...settings,
      port: 9,
      shoutcastPort: 10,
      tls,
      ingestToken: "other",
      shoutcastMount: "/other",
    });
    expect(held).toEqual(["ingest.port", "ingest.tls", "SKYWAVE_INGEST_TOKEN"]);
    expect(current.now).toEqual({ ...settings, shoutcastMount: "/other" });
    const secure = new CurrentSettings({ ...settings, tls });
    expect(secure.change(settings)).toEqual(["ingest.tls"]);
    expect(secure.now.tls).toEqual(tls);
  });
});
