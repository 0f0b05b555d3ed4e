import { createHash } from "node:crypto";

/** `crypto.DigestStream` as the Workers runtime has it, for what runs outside of it. */
class FakeDigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor(_algorithm: "SHA-256") {
    const hash = createHash("sha256");
    const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (bytes) => void hash.update(bytes),
      close: () => resolve(Uint8Array.from(hash.digest()).buffer),
      abort: (reason) => reject(reason),
    });
    this.digest = promise;
  }
}

/** The platform's `crypto` with it. */
export const workersCrypto = (): unknown => ({
  subtle: crypto.subtle,
  getRandomValues: crypto.getRandomValues.bind(crypto),
  randomUUID: crypto.randomUUID.bind(crypto),
  DigestStream: FakeDigestStream,
});
