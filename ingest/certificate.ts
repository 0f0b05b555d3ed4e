import { readFile } from "node:fs/promises";
import type * as tls from "node:tls";
import { certificateLookMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";

export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateOptions {
  readonly files: { readonly certFile: string; readonly keyFile: string };
  /** As read when the servers were made. */
  readonly pair: KeyPair;
  readonly servers: readonly Pick<tls.Server, "setSecureContext">[];
  readonly log: Pick<Log, "info" | "warn">;
}

/**
 * The certificate of this host's TLS ports, which somebody renews every few weeks. Connections that are there keep the one
 * they came with; files that do not go together, as between the writing of one and of the other, change nothing.
 */
export class Certificate {
  readonly #options: CertificateOptions;
  #pair: KeyPair;
  #problem = "";
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateOptions) {
    this.#options = options;
    this.#pair = options.pair;
  }

  watch(): void {
    this.#timer = setInterval(() => void this.look(), certificateLookMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { files, servers, log } = this.#options;
    try {
      const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)]);
      if (cert.equals(this.#pair.cert) && key.equals(this.#pair.key)) return;
      for (const server of servers) server.setSecureContext({ cert, key });
      this.#pair = { cert, key };
      this.#problem = "";
      log.info({ file: files.certFile }, "certificate read again");
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#problem) log.warn({ reason }, "the certificate stays as it is");
      this.#problem = reason;
    } finally {
      this.#looking = false;
    }
  }
}
