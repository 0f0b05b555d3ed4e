import { readFile, stat } from "node:fs/promises";
import { BlockList, isIP } from "node:net";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { banFileBytes, banLookMs } from "../limits.ts";
import { type Log, reasonOf } from "../log.ts";

interface Listed {
  readonly addresses: BlockList;
  readonly mtimeMs: number;
  readonly size: number;
}

/** A file of addresses as it was read last. */
class AddressFile {
  readonly path: string;
  listed: Listed | null = null;
  #problem = "";

  constructor(path: string) {
    this.path = path;
  }

  /** Reads it again when it has changed. What was read stays in force while it cannot be. */
  async look(log: Pick<Log, "warn" | "info">): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(this.path);
      if (this.listed?.mtimeMs === mtimeMs && this.listed.size === size) return;
      if (size > banFileBytes) throw new Error(`it is longer than ${banFileBytes} bytes`);
      const { addresses, count, wrong } = parse(await readFile(this.path, "utf8"));
      this.listed = { addresses, mtimeMs, size };
      this.#problem = "";
      log.info({ file: this.path, addresses: count }, "addresses read");
      if (wrong.length > 0)
        log.warn({ file: this.path, lines: wrong.slice(0, 10) }, "lines that are no address are left out");
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#problem)
        log.warn({ file: this.path, reason }, "a file of addresses cannot be read");
      this.#problem = reason;
    }
  }
}

/**
 * Who may not connect, and who alone may: files with one address on each line, as Icecast has them, or one network
 * (`192.0.2.0/24`). They are looked at again when somebody connects, every ten seconds at most. A list of those who may
 * that cannot be read lets nobody in but this machine itself, whose supervisor must see how its ingest is.
 */
export class BanFiles {
  readonly #settings: { readonly now: Pick<IngestSettings, "denyFile" | "allowFile"> };
  readonly #log: Pick<Log, "warn" | "info">;
  #deny: AddressFile | null = null;
  #allow: AddressFile | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking = false;

  constructor(
    settings: { readonly now: Pick<IngestSettings, "denyFile" | "allowFile"> },
    log: Pick<Log, "warn" | "info">,
  ) {
    this.#settings = settings;
    this.#log = log;
  }

  /** Before the first connection. */
  async open(): Promise<void> {
    await this.#look();
  }

  refuses(address: string): boolean {
    if (performance.now() - this.#lookedMs >= banLookMs) void this.#look();
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (this.#deny?.listed?.addresses.check(address, family)) return true;
    if (this.#allow === null || isOwn(address)) return false;
    return this.#allow.listed?.addresses.check(address, family) !== true;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    this.#lookedMs = performance.now();
    const { denyFile, allowFile } = this.#settings.now;
    this.#deny = fileAt(denyFile, this.#deny);
    this.#allow = fileAt(allowFile, this.#allow);
    await Promise.all([this.#deny?.look(this.#log), this.#allow?.look(this.#log)]);
    this.#looking = false;
  }
}

function fileAt(path: string | undefined, before: AddressFile | null): AddressFile | null {
  if (path === undefined) return null;
  return before?.path === path ? before : new AddressFile(path);
}

const isOwn = (address: string): boolean => address === "127.0.0.1" || address === "::1";

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
