import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { requireClient } from "../support/clients.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> & "q"`;

let stack: Stack;
let browser: Browser;
const sources: Streaming[] = [];
const kept = process.env["SKYWAVE_SCREENSHOTS"];
const shots = kept ?? mkdtempSync(join(tmpdir(), "skywave-page-"));
mkdirSync(shots, { recursive: true });

/** What the page complained of: errors, refused content, failed requests. */
let complaints: string[] = [];
let page: Page;

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const opened = await context.newPage();
  // Its audio elements never enter the document: they are noted as they are made.
  await opened.addInitScript(`
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
    window.audios = [];
    const Plain = window.Audio;
    window.Audio = function (...args) { const audio = new Plain(...args); audios.push(audio); return audio; };
  `);
  opened.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  opened.on("pageerror", (error) => complaints.push(String(error)));
  opened.on("requestfailed", (request) => {
    // Stopping a stream, or leaving the page, ends its request.
    const reason = request.failure()?.errorText ?? "";
    if (!reason.includes("ERR_ABORTED")) complaints.push(`${request.url()}: ${reason}`);
  });
  await opened.goto(stack.edgeUrl);
  return opened;
}

async function goOnAir(mount: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const { ingestPort, password } = stack;
  sources.push(await streamMp3(ingestPort, mount, fixture, { password, loop: true, headers }));
}

async function setTitle(mount: string, song: string): Promise<void> {
  const query = new URLSearchParams({ mode: "updinfo", mount, song });
  const authorization = `Basic ${Buffer.from(`source:${stack.password}`).toString("base64")}`;
  const reply = await fetch(`${stack.ingestUrl}/admin/metadata?${query}`, { headers: { authorization } });
  expect(reply.status).toBe(200);
}

const card = (name: string) => page.locator(".mount", { has: page.getByRole("heading", { name }) });
const playButton = (name: string) => page.getByRole("button", { name: new RegExp(`^(?:Play|Stop) ${name}`) });

/** Seconds played by each audio element that the page has made. */
const played = () => page.evaluate<number[]>("audios.map((audio) => audio.currentTime)");

async function untilPlayed(seconds: number): Promise<void> {
  await waitFor(`${seconds} s to be played`, async () => ((await played()).at(-1) ?? 0) >= seconds, 30_000);
}

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await browser?.close();
  for (const source of sources) source.destroy();
  await stack?.stop();
  if (kept === undefined) rmSync(shots, { recursive: true, force: true });
});

describe("the status page", () => {
  beforeEach(async (context) => {
    requireClient(context, "chromium");
    browser ??= await launchBrowser();
    complaints = [];
    page = await open();
  });
  afterEach(async () => {
    const violations = await page.evaluate<string[]>("violations");
    await page.context().close();
    const all = [...complaints, ...violations];
    if (all.length > 0) throw new Error(`the page complained: ${all.join("; ")}`);
  });

  it("says that nothing is on air, shows how to go there, and then what is", async () => {
    await page.getByText("Nothing is on air.").waitFor();
    expect(await page.locator("#ingest-port").textContent()).toBe(`${stack.ingestPort}`);
    expect(await page.locator("#shoutcast-port").textContent()).toBe(`${stack.ingestPort + 1}`);
    await page.screenshot({ path: join(shots, "empty.png"), fullPage: true });
    await goOnAir("/live.mp3", {
      "Ice-Name": "Harbour Radio",
      "Ice-Genre": "Jazz",
      "Ice-Bitrate": "128",
    });
    await card("Harbour Radio").waitFor({ timeout: 20_000 });
    await page.getByText("Nothing is on air.").waitFor({ state: "hidden" });
    expect(await card("Harbour Radio").locator(".url").inputValue()).toBe(`${stack.edgeUrl}/live.mp3`);
    await goOnAir("/second.mp3");
    await card("/second.mp3").waitFor({ timeout: 20_000 });
    expect(await page.locator(".mount").count()).toBe(2);
  });

  it("plays a stream, and changes its title under the sound", async () => {
    await setTitle("/live.mp3", "김철수 – Première");
    await playButton("Harbour Radio").click();
    await untilPlayed(1);
    await card("Harbour Radio").getByText("Playing").waitFor();
    await page.getByText("김철수 – Première").waitFor({ timeout: 20_000 });
    await page.evaluate("window.sameDocument = true");
    const [before = 0] = await played();
    await setTitle("/live.mp3", "The next one");
    await page.getByText("The next one", { exact: true }).waitFor({ timeout: 20_000 });
    await untilPlayed(before + 2);
    expect(await played()).toHaveLength(1);
    expect(await page.evaluate("audios.map(({ paused, ended, error }) => [paused, ended, error])")).toEqual([
      [false, false, null],
    ]);
    expect(await page.evaluate("sameDocument")).toBe(true);
    await page.screenshot({ path: join(shots, "desktop.png"), fullPage: true });
    await playButton("Harbour Radio").click();
    const [stopped] = await page.evaluate<string[]>("audios.map((audio) => audio.currentSrc && audio.src)");
    expect(stopped).toBe("");
    await waitFor("no listener to be left", async () => {
      const health = (await (await fetch(`${stack.edgeUrl}/health`)).json()) as { listeners: number };
      return health.listeners === 0;
    });
  });

  it("is worked with the keyboard alone", async () => {
    await card("Harbour Radio").waitFor();
    const focused = () => page.evaluate<string>("document.activeElement.ariaLabel ?? ''");
    for (let steps = 0; (await focused()) !== "Play Harbour Radio"; steps++) {
      expect(steps).toBeLessThan(5);
      await page.keyboard.press("Tab");
    }
    // Without an outline nobody knows where they are.
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Enter");
    await untilPlayed(1);
    expect(await focused()).toBe("Stop Harbour Radio");
    await page.keyboard.press("Space");
    await card("Harbour Radio").locator(".player").waitFor({ state: "hidden" });
    expect(await focused()).toBe("Play Harbour Radio");
  });

  it("shows a hostile title as the text it is", async () => {
    await setTitle("/live.mp3", hostile);
    await page.getByText(hostile).waitFor({ timeout: 20_000 });
    expect(await page.locator(".mount img, .mount script").count()).toBe(0);
    expect(await page.title()).toBe("Skywave");
  });

  it("fits a phone of 360 px, in the dark too", async () => {
    await page.context().close();
    const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true };
    for (const colorScheme of ["light", "dark"] as const) {
      page = await open({ ...phone, colorScheme });
      await setTitle("/live.mp3", "W".repeat(300));
      await page.getByText("W".repeat(300)).waitFor({ timeout: 20_000 });
      await playButton("Harbour Radio").tap();
      await card("Harbour Radio").getByText("Playing").waitFor({ timeout: 20_000 });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
      const small = await page.evaluate<string[]>(`[...document.querySelectorAll("button")]
        .filter((button) => button.offsetHeight > 0 && (button.offsetHeight < 24 || button.offsetWidth < 24))
        .map((button) => button.className)`);
      expect(small).toEqual([]);
      await page.screenshot({ path: join(shots, `phone-${colorScheme}.png`), fullPage: true });
      if (colorScheme === "light") await page.context().close();
    }
  });
});
