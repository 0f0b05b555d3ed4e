import { header, type RequestHead } from "./request-head.ts";
import type { SourceInfo } from "./source-info.ts";
import { truncate, withoutControls } from "./text.ts";

/** The limits of `sourceInfoSchema` in edge-api.ts, in UTF-16 units. */
const maxText = 1024;
const maxContentType = 128;
const maxIp = 64;
const maxProtocol = 16;

type Head = Pick<RequestHead, "headers">;

/**
 * What a source says about its stream, precedence as Icecast 2.4.4 source.c; an empty header counts as absent
 * (Mixxx sends several). Without a content type it is audio/mpeg, as Icecast takes SOURCE and SHOUTcast to be;
 * a PUT without one is refused before this (`declaredContentType`).
 */
export function readSourceInfo(head: Head, connection: { ip: string; protocol: string }): SourceInfo {
  const name = firstText(head, ["ice-name", "icy-name", "x-audiocast-name"]);
  const description = firstText(head, ["ice-description", "icy-description", "x-audiocast-description"]);
  const genre = firstText(head, ["ice-genre", "icy-genre", "x-audiocast-genre"]);
  const url = firstText(head, ["ice-url", "icy-url", "x-audiocast-url"]);
  const isPublic = firstText(head, ["ice-public", "icy-pub", "x-audiocast-public", "icy-public"]);
  const audioInfo = firstText(head, ["ice-audio-info"]);
  const bitrate = declaredBitrate(head, audioInfo);
  const userAgent = firstText(head, ["user-agent"]);
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(genre !== undefined && { genre }),
    ...(url !== undefined && { url }),
    ...(isPublic !== undefined && { public: /^(?:[1-9]\d*|yes|true|on)$/i.test(isPublic) }),
    ...(bitrate !== undefined && { bitrate }),
    ...(audioInfo !== undefined && { audioInfo }),
    contentType: declaredContentType(head) ?? "audio/mpeg",
    ...(userAgent !== undefined && { userAgent }),
    ip: truncate(connection.ip, maxIp),
    protocol: truncate(connection.protocol, maxProtocol),
  };
}

/** The Content-Type in lower case without its parameters, or undefined when none was sent. */
export function declaredContentType(head: Head): string | undefined {
  const type = withoutControls((header(head, "content-type") ?? "").split(";", 1)[0] ?? "").toLowerCase();
  return type === "" ? undefined : truncate(type, maxContentType);
}

/** libshout says 0 when it does not know, ices2 a quality: neither is a bitrate. */
function declaredBitrate(head: Head, audioInfo: string | undefined): string | undefined {
  const declared = ["ice-bitrate", "icy-br", "x-audiocast-bitrate"].map((name) => header(head, name));
  const inInfo = ["ice-bitrate", "bitrate"].map((key) => audioInfoValue(audioInfo ?? "", key));
  for (const value of [...declared, ...inInfo]) {
    const kbps = /^([1-9]\d{0,15})(?:\.\d*)?$/.exec(value?.trim() ?? "")?.[1];
    if (kbps !== undefined) return kbps;
  }
  return undefined;
}

/** A value of `k=v;k=v`, percent-decoded: ices2 writes `quality=3%2e00`. */
function audioInfoValue(audioInfo: string, key: string): string | undefined {
  for (const pair of audioInfo.split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim().toLowerCase() !== key) continue;
    const value = pair.slice(equals + 1);
    return value.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return undefined;
}

function firstText(head: Head, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = truncate(withoutControls(header(head, name) ?? ""), maxText);
    if (value !== "") return value;
  }
  return undefined;
}
