import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isInstalled, lockStamp, npmCommand, projectNode, resolveProgram } from "../../local/bootstrap.mjs";

/** A project folder with a space in its name; its npm is a script that writes down how it was called. */
let folder: string;
const inFolder = (...path: string[]) => join(folder, ...path);
const write = (path: string, text: string, mode = 0o644) => {
  mkdirSync(dirname(inFolder(path)), { recursive: true });
  writeFileSync(inFolder(path), text);
  chmodSync(inFolder(path), mode);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave boot "));
  write("package-lock.json", '{"lock":1}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, [inFolder("local/bootstrap.mjs"), ...args], {
    cwd: tmpdir(),
    encoding: "utf8",
    env: { PATH: `${inFolder("fake")}:${process.env["PATH"]}`, ...env },
  });
const npm = (body: string) =>
  write("fake/npm", `#!/bin/sh\necho "$@" >> "${inFolder("npm-calls")}"\n${body}\n`, 0o755);
/** What a good npm ci leaves behind. */
const goodInstall = () => {
  write("installed/node/bin/node", `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, 0o755);
  for (const name of ["workerd", "esbuild"]) {
    write(`installed/${name}/package.json`, "{}");
    write(`installed/${name}/bin/${name}`, "#!/usr/bin/env node\n");
  }
  return `cp -r "${inFolder("installed")}" "${inFolder("node_modules")}"`;
};

describe("what is installed", () => {
  it("is nothing without node_modules", () => {
    expect(isInstalled(folder)).toBe(false);
  });

  it("holds while the stamp is that of the lock, whatever the dates", () => {
    write("node_modules/.skywave-lock", lockStamp('{"lock":1}'));
    utimesSync(inFolder("node_modules/.skywave-lock"), 0, 0);
    expect(isInstalled(folder)).toBe(true);
    write("package-lock.json", '{"lock":2}');
    expect(isInstalled(folder)).toBe(false);
  });

  it("counts when somebody ran npm ci after the lock was written, not before", () => {
    write("node_modules/.package-lock.json", "{}");
    utimesSync(inFolder("package-lock.json"), 1000, 1000);
    utimesSync(inFolder("node_modules/.package-lock.json"), 2000, 2000);
    expect(isInstalled(folder)).toBe(true);
    utimesSync(inFolder("package-lock.json"), 3000, 3000);
    expect(isInstalled(folder)).toBe(false);
  });
});

describe("a program's name", () => {
  it("is a script of the project, or the bin of an installed package", () => {
    write("node_modules/one/package.json", '{"bin":"cli.js"}');
    write("node_modules/many/package.json", '{"bin":{"other":"o.js","many":"bin/m.mjs"}}');
    write("node_modules/@biomejs/biome/package.json", '{"bin":{"biome":"bin/biome"}}');
    expect(resolveProgram(folder, "local/start.ts")).toBe(inFolder("local/start.ts"));
    expect(resolveProgram(folder, "one")).toBe(inFolder("node_modules/one/cli.js"));
    expect(resolveProgram(folder, "many")).toBe(inFolder("node_modules/many/bin/m.mjs"));
    expect(resolveProgram(folder, "biome")).toBe(inFolder("node_modules/@biomejs/biome/bin/biome"));
    expect(resolveProgram(folder, "nothing")).toBeUndefined();
  });
});

describe("npm", () => {
  it("is the one that runs us, or the one in PATH", () => {
    const script = "/usr/lib/node_modules/npm/bin/npm-cli.js";
    expect(npmCommand({ npm_execpath: script })).toEqual({ command: process.execPath, args: [script] });
    expect(npmCommand({ npm_execpath: "/usr/lib/yarn.js" }).command).toMatch(/^npm/);
    expect(npmCommand({}).command).toMatch(/^npm/);
  });
});

describe.skipIf(process.platform === "win32")("the bootstrap", () => {
  beforeEach(() => {
    mkdirSync(inFolder("local"));
    cpSync(join(import.meta.dirname, "../../local/bootstrap.mjs"), inFolder("local/bootstrap.mjs"));
    write(
      "script.ts",
      'const words: string[] = process.argv.slice(2); console.log(process.version, words.join(), process.env["INIT_CWD"]); process.exit(7);',
    );
  });

  it("installs once, then runs the script on the project's Node, from any folder, with its exit code", () => {
    npm(goodInstall());
    const first = run(["script.ts", "a b", "--c"]);
    expect(first.stdout).toBe(`${process.version} a b,--c ${tmpdir()}\n`);
    expect(first.status).toBe(7);
    expect(run(["script.ts"]).status).toBe(7);
    expect(readFileSync(inFolder("npm-calls"), "utf8").match(/^ci /gm)).toHaveLength(1);
  });

  it("says what to do when install scripts are switched off", () => {
    npm(`mkdir "${inFolder("node_modules")}"`);
    const { status, stderr } = run(["script.ts"]);
    expect(status).toBe(1);
    expect(stderr).toContain("node 24, workerd, esbuild could not be set up");
    expect(stderr).toContain("npm config get ignore-scripts");
    expect(stderr).toContain("npm ci --ignore-scripts=false");
    expect(projectNode(inFolder("node_modules"))).toBe(inFolder("node_modules/node/bin/node"));
  });

  it("does not go on after a failed install", () => {
    npm("exit 3");
    const { status, stdout, stderr } = run(["script.ts"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("npm ci did not succeed");
  });
});
