const encoders = new Map<string, ReadonlyMap<string, readonly number[]>>();

/** `text` in a legacy encoding that TextDecoder reads, or null where the encoding lacks a letter. */
export function encodeLegacy(text: string, label: string): Uint8Array | null {
  const table = encoders.get(label) ?? tableOf(label);
  encoders.set(label, table);
  const bytes: number[] = [];
  for (const letter of text) {
    const code = table.get(letter);
    if (!code) return null;
    bytes.push(...code);
  }
  return Uint8Array.from(bytes);
}

function tableOf(label: string): ReadonlyMap<string, readonly number[]> {
  const decoder = new TextDecoder(label);
  const table = new Map<string, readonly number[]>();
  const add = (code: readonly number[]): void => {
    const letter = decoder.decode(Uint8Array.from(code));
    if (!letter.includes("\ufffd") && Array.from(letter).length === 1 && !table.has(letter))
      table.set(letter, code);
  };
  for (let first = 0; first < 256; first++) add([first]);
  if (label.startsWith("windows")) return table;
  for (let first = 0x81; first < 256; first++) for (let next = 0x40; next < 256; next++) add([first, next]);
  return table;
}
