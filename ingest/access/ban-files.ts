import { readFile, stat } from "node:fs/promises";
import { BlockList, isIP } from "node:net";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { banFileBytes, banLookMs } from "../login-limits.ts";
import { type Log, reasonOf } from "../log.ts";

/** A file of addresses as it was read last. */
class AddressFile {
  readonly path: string;
  /** Null until some file was read in its place. */
  addresses: BlockList | null;
  /** What tells a file from what it was. */
  #version = "";
  #problem = "";
  #looking = false;

  constructor(path: string, before: BlockList | null) {
    this.path = path;
    this.addresses = before;
  }

  /** Reads it again when it has changed. What was read stays in force while it cannot be. */
  async look(log: Pick<Log, "warn" | "info">): Promise<void> {
    // A disk that hangs.
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { mtimeMs, ctimeMs, ino, size } = await stat(this.path);
      const version = [mtimeMs, ctimeMs, ino, size].join(" ");
      if (version === this.#version) return;
      if (size > banFileBytes) throw new Error(`it is longer than ${banFileBytes} bytes`);
      const { addresses, count, wrong } = parse(await readFile(this.path, "utf8"));
      this.addresses = addresses;
      this.#version = version;
      this.#problem = "";
      log.info({ file: this.path, addresses: count }, "addresses read");
      if (wrong.length > 0)
        log.warn({ file: this.path, lines: wrong.slice(0, 10) }, "lines that are no address are left out");
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#problem)
        log.warn({ file: this.path, reason }, "a file of addresses cannot be read");
      this.#problem = reason;
    } finally {
      this.#looking = false;
    }
  }
}

/**
 * Who may not connect, and who alone may: files with one address on each line, as Icecast has them, or one network
 * (`192.0.2.0/24`). They are looked at every ten seconds, not by who connects: that one would still find the old list. A
 * list of those who may that cannot be read lets nobody in.
 */
export class BanFiles {
  readonly #settings: { readonly now: Pick<IngestSettings, "denyFile" | "allowFile"> };
  readonly #log: Pick<Log, "warn" | "info">;
  #deny: AddressFile | null = null;
  #allow: AddressFile | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    settings: { readonly now: Pick<IngestSettings, "denyFile" | "allowFile"> },
    log: Pick<Log, "warn" | "info">,
  ) {
    this.#settings = settings;
    this.#log = log;
  }

  /** Before the first connection. Resolves when the files were read. */
  async open(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look(), banLookMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  refuses(address: string): boolean {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (this.#deny?.addresses?.check(address, family)) return true;
    return this.#allow !== null && this.#allow.addresses?.check(address, family) !== true;
  }

  /** Also when the settings have changed. */
  async look(): Promise<void> {
    const { denyFile, allowFile } = this.#settings.now;
    this.#deny = fileAt(denyFile, this.#deny);
    this.#allow = fileAt(allowFile, this.#allow);
    await Promise.all([this.#deny?.look(this.#log), this.#allow?.look(this.#log)]);
  }
}

/** Another file takes the place of the one before when it has been read. */
function fileAt(path: string | undefined, before: AddressFile | null): AddressFile | null {
  if (path === undefined) return null;
  return before?.path === path ? before : new AddressFile(path, before?.addresses ?? null);
}

function parse(text: string) {
  const addresses = new BlockList();
  const wrong: number[] = [];
  let count = 0;
  for (const [index, raw] of text.split(/\r?\n|\r/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (add(addresses, line)) count++;
    else wrong.push(index + 1);
  }
  return { addresses, count, wrong };
}

function add(addresses: BlockList, line: string): boolean {
  const [address = "", length, ...rest] = line.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  const family = version === 6 ? "ipv6" : "ipv4";
  if (length === undefined) addresses.addAddress(address, family);
  else if (/^\d{1,3}$/.test(length) && Number(length) <= (version === 6 ? 128 : 32)) {
    addresses.addSubnet(address, Number(length), family);
  } else return false;
  return true;
}
