/**
 * What `shared/` may use of the Web Cryptography API, which Node and Workers both provide. Like the encoders of
 * `text-encoding.d.ts` it is no more than functions over bytes.
 */
interface SharedCryptoKey {
  readonly type: string;
}
declare const crypto: {
  getRandomValues(into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  readonly subtle: {
    digest(algorithm: string, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    importKey(
      format: "raw",
      key: Uint8Array<ArrayBuffer>,
      algorithm: "PBKDF2",
      extractable: false,
      usages: readonly "deriveBits"[],
    ): Promise<SharedCryptoKey>;
    importKey(
      format: "raw",
      key: Uint8Array<ArrayBuffer>,
      algorithm: { readonly name: "HMAC"; readonly hash: "SHA-256" },
      extractable: false,
      usages: readonly "sign"[],
    ): Promise<SharedCryptoKey>;
    sign(algorithm: "HMAC", key: SharedCryptoKey, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    deriveBits(
      algorithm: {
        readonly name: "PBKDF2";
        readonly hash: "SHA-256";
        readonly salt: Uint8Array<ArrayBuffer>;
        readonly iterations: number;
      },
      key: SharedCryptoKey,
      bits: number,
    ): Promise<ArrayBuffer>;
  };
};
