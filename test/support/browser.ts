import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** The system's Chromium without a screen, whose pages may play sound unasked. Close it with `close`. */
export function launchBrowser(): Promise<Browser> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const executablePath = folders.map((folder) => join(folder, "chromium")).find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("not installed: chromium");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"],
  });
}
