/**
 * The two host objects that `shared/` may use: Node and Workers both provide them (WHATWG Encoding).
 * Everything else of the host stays out of this layer: no Buffer, no fetch, no timers, no Date.
 */
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  /** Of the Encoding Standard, in lower case. */
  readonly encoding: string;
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: Uint8Array, options?: { stream?: boolean }): string;
}
