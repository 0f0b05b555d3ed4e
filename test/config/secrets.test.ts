import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSecrets } from "../../config/secrets.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-secrets-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("secrets", () => {
  it("are the same for processes that make them at the same time", async () => {
    const module = new URL("../../config/secrets.ts", import.meta.url).href;
    const data = join(folder, "a", "b");
    const script = `const { openSecrets } = await import(${JSON.stringify(module)}); console.log(JSON.stringify(openSecrets(${JSON.stringify(data)})));`;
    const runs = await Promise.all(
      Array.from({ length: 6 }, () =>
        promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]),
      ),
    );
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(readdirSync(data)).toEqual(["secrets.json"]);
  });

  it("are refused, not replaced, when the file is damaged", () => {
    writeFileSync(join(folder, "secrets.json"), '{"version":1');
    expect(() => openSecrets(folder)).toThrow(/is not a secrets file of this version/);
    expect(() => openSecrets(folder)).toThrow(/secrets\.json/);
  });

  it("name the data folder when it cannot be made", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => openSecrets(join(folder, "file", "data"))).toThrow(/the data folder .* cannot be used/);
  });
});
