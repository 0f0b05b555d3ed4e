import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** A name for 127.0.0.1 that the browser does not take for this machine: pages from it are no secure context. */
export const insecureHost = "radio.test";

/** The system's Chromium without a screen, whose pages may play sound unasked. Close it with `close`. */
export function launchBrowser(): Promise<Browser> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const executablePath = folders.map((folder) => join(folder, "chromium")).find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("not installed: chromium");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--autoplay-policy=no-user-gesture-required",
      `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`,
    ],
  });
}
