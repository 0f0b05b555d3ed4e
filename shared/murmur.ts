/** The finaliser of MurmurHash3 (Appleby, x86 32 bits): each bit of the argument changes half of the result's, which is signed. */
export function mixed32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
