import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadIngestSettings } from "../../config/settings.ts";
import { PasswordCheck } from "../../ingest/access/password-check.ts";
import { UrlAuth } from "../../ingest/access/url-call.ts";
import { CredentialCheck } from "../../ingest/credentials.ts";
import { CurrentSettings } from "../../ingest/current-settings.ts";
import { openLog } from "../../ingest/log.ts";
import { mountPath } from "../../shared/mount-path.ts";

const folder = mkdtempSync(join(tmpdir(), "skywave-current-"));
afterAll(() => rmSync(folder, { recursive: true }));
const passwords = new PasswordCheck(async () => false);
const identity = () => ({ hostname: "h", port: 1, serverId: "s" });
const urlAuth = new UrlAuth({ identity, log: openLog("silent") });
const settings = loadIngestSettings(["--data", folder], {});

describe("the settings in force", () => {
  it("are the new ones at once for whoever reads them, passwords included", async () => {
    const current = new CurrentSettings(settings);
    const credentials = new CredentialCheck({ settings: current, passwords, urlAuth });
    const mount = mountPath("/m");
    const held = current.change({
      ...settings,
      sourcePassword: "new",
      mounts: new Map([["/own", { password: "own" }]]),
      limits: { ...settings.limits, sources: 1 },
    });
    expect(held).toEqual([]);
    expect(current.now.limits.sources).toBe(1);
    const asker = { ip: "127.0.0.1", admin: false };
    const kindOf = async (password: string) =>
      (await credentials.sourceLogin(mount, { user: "source", password }, asker)).kind;
    expect(await kindOf("new")).toBe("login");
    expect(await kindOf(settings.sourcePassword)).toBe("wrong-password");
    const own = await credentials.shoutcastMount({ password: "own", unsplit: "own" }, asker);
    expect(own).toMatchObject({ mount: "/own" });
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
