/**
 * Whom an address is counted with: an IPv4 address with itself, an IPv6 address with its /64, for that is the least a
 * connection is given and all of it is at the disposal of one party (RFC 6177 §2). IPv4 written as IPv6
 * (`::ffff:192.0.2.1`) is IPv4. What is no address stands for itself.
 */
export function addressGroup(address: string): string {
  const [plain = ""] = address.toLowerCase().split("%");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!plain.includes(":")) return plain;
  const [front = "", back] = plain.split("::");
  const first = hextets(front);
  if (back !== undefined) {
    const last = hextets(back);
    // Dotted digits at the end stand for two groups.
    const missing = 8 - first.length - last.length - (back.includes(".") ? 1 : 0);
    first.push(...Array.from({ length: Math.max(missing, 0) }, () => "0"), ...last);
  }
  return `${first.slice(0, 4).join(":")}::/64`;
}

const hextets = (text: string): string[] =>
  text === "" ? [] : text.split(":").map((hex) => hex.replace(/^0+(?=.)/, ""));
