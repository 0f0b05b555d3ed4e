import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Stack, startStack } from "./stack.ts";

/** Starts the real stack with a station file of this content; `stop` removes it. */
export async function startStation(toml: string): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "skywave-station-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const stationFile = join(folder, "station.toml");
  writeFileSync(stationFile, toml);
  try {
    const stack = await startStack({ stationFile });
    return { ...stack, stop: () => stack.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
