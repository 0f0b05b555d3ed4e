import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseStation } from "../../config/station-file.ts";
import { verifyPassword } from "../../shared/password-hash.ts";

const script = join(import.meta.dirname, "../../config/main.ts");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave config "));
  writeFileSync(join(folder, "good.toml"), "[limits]\nsources = 3\n");
  writeFileSync(join(folder, "bad.toml"), '[limits]\nsources = 0\n[sources]\npassword = "${NOT_THERE}"\n');
  writeFileSync(
    join(folder, "icecast.xml"),
    "<icecast>\n<authentication><source-password>a</source-password><admin-password>b</admin-password></authentication>\n<icelogin>1</icelogin></icecast>",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function config(args: readonly string[], input = "") {
  const { INIT_CWD: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    env,
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("npm run config", () => {
  it("checks a file of either kind without starting anything", () => {
    expect(config(["check", "good.toml"])).toEqual({
      status: 0,
      stdout: "good.toml can be used\n",
      stderr: "",
    });
    expect(config(["check", "icecast.xml"])).toEqual({
      status: 0,
      stdout:
        "icecast.xml can be used, with one note\n  icecast.xml:3: <icelogin>: logins with an ice-password header are not taken\n",
      stderr: "",
    });
  });

  it("tells what is wrong with one, and ends with 1", () => {
    expect(config(["check", "bad.toml"])).toEqual({
      status: 1,
      stdout: "",
      stderr:
        "bad.toml cannot be used: 2 problems\n  bad.toml:2: limits.sources must be a whole number from 1 to 10000, got 0\n  bad.toml:4: sources.password needs NOT_THERE, which is not set in the environment\n",
    });
    expect(config(["check", "none.toml"])).toMatchObject({ status: 1, stdout: "" });
  });

  it("converts an icecast.xml on standard output, notes apart", () => {
    const { status, stdout, stderr } = config(["convert", "icecast.xml"]);
    expect([status, stderr]).toEqual([
      0,
      "icecast.xml:3: <icelogin>: logins with an ice-password header are not taken\n",
    ]);
    const station = parseStation(stdout, { file: "s.toml", fileProblem: () => undefined, env: {} });
    expect([station.sources.password, station.admin.password]).toEqual(["a", "b"]);
  });

  it("makes hashes of passwords and keys for signed links", async () => {
    const { stdout } = config(["hash"], "pässword\n");
    await expect(verifyPassword("pässword", stdout.trim())).resolves.toBe(true);
    expect(config(["hash"], "")).toMatchObject({ status: 1, stdout: "" });
    expect(config(["key"]).stdout).toMatch(/^[\w-]{43}\n$/);
  });

  it.each([
    [[]],
    [["chek", "x"]],
    [["check"]],
    [["check", "a", "b"]],
    [["convert", "good.toml"]],
    [["hash", "secret"]],
  ])("shows how it is used after a mistake, and ends with 2: %j", (args) => {
    expect(config(args)).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("Usage: npm run config"),
    });
  });

  it("shows it to whoever asks", () => {
    expect(config(["--help"])).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringContaining("Exit codes"),
    });
  });
});
