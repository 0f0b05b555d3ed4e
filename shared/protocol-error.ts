/**
 * Bytes from outside that do not follow their format. Every decoder in `shared/` returns or throws this,
 * nothing else; the message names what was expected and what came ("expected a sync word, got 0x494433").
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
