import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadStackSettings } from "../../config/settings.ts";
import { notesBlock, readyBlock } from "../../local/ready-block.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave ready "));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const settingsOf = (xml: string) => {
  const file = join(folder, "icecast.xml");
  writeFileSync(file, `<icecast>${xml}</icecast>`);
  return loadStackSettings(["--data", join(folder, "data"), "--config", file], {});
};
const passwords =
  "<authentication><source-password>sourcepw</source-password><admin-user>boss</admin-user><admin-password>adminpw</admin-password></authentication>";

describe("what an operator reads at the start", () => {
  it("has the ports and names of an icecast.xml, and no password of it", () => {
    const block = readyBlock(settingsOf(`${passwords}<listen-socket><port>9000</port></listen-socket>`), 1);
    expect(block).toContain("port 9000, mount /live.mp3, user source, password <your source password>");
    expect(block).toContain("user boss, password <your admin password>");
    expect(block).toContain("Open to      the network");
    expect(block).not.toMatch(/sourcepw|adminpw/);
  });

  it("says nothing of the network when only this machine is served", () => {
    const socket = "<listen-socket><port>9000</port><bind-address>127.0.0.1</bind-address></listen-socket>";
    expect(readyBlock(settingsOf(passwords + socket), 1)).not.toContain("Open to");
  });

  it("says first where there is something to hear", () => {
    const stack = (...argv: string[]) => loadStackSettings(["--data", join(folder, "data"), ...argv], {});
    const [first, second] = readyBlock(stack(), 1).split("\n").slice(3);
    expect(first).toContain("Listen now   http://127.0.0.1:8787/demo.mp3 (");
    expect(second).toContain("Status page");
    expect(readyBlock(stack("--music", folder), 1)).toContain(`:8787/autodj.mp3 (plays ${folder})\n`);
    expect(readyBlock(stack("--no-demo"), 1)).not.toContain("Listen now");
    expect(readyBlock(settingsOf(passwords), 1)).not.toContain("Listen now");
  });

  it("names the mounts that the edge computes, and their libraries", () => {
    const file = join(folder, "station.toml");
    writeFileSync(file, '[[autodj]]\nmount = "/night.mp3"\nkind = "edge"\nlibrary = "night"\n');
    const argv = ["--data", join(folder, "data"), "--config", file, "--no-demo"];
    expect(readyBlock(loadStackSettings(argv, {}), 1)).toContain(
      '  By the clock http://127.0.0.1:8787/night.mp3 (plays what "npm run library" stores as night)\n',
    );
  });

  it("begins with what of the configuration has no effect, if there is something", () => {
    const silent = "<logging><accesslog>a</accesslog></logging>";
    expect(notesBlock(settingsOf(passwords + silent))).toBe("");
    const block = notesBlock(settingsOf(`${passwords}\n<icelogin>1</icelogin>`));
    expect(block).toContain(`    ${join(folder, "icecast.xml")}:2: <icelogin>: logins with`);
  });
});
