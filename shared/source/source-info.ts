/**
 * What a source says about its stream, from `ice-*`, `icy-*` and `x-audiocast-*` headers (Icecast 2.4.4 source.c:
 * the first name present wins). Absent fields stay absent: defaults belong to whoever displays them.
 */
export interface SourceInfo {
  readonly name?: string;
  readonly description?: string;
  readonly genre?: string;
  readonly url?: string;
  readonly public?: boolean;
  /** Kilobits per second as declared (`ice-bitrate`, or `bitrate` of ice-audio-info); text as sent, digits only. */
  readonly bitrate?: string;
  /** `ice-audio-info` as sent: "ice-samplerate=44100;ice-bitrate=128;ice-channels=2". */
  readonly audioInfo?: string;
  readonly contentType: string;
  readonly userAgent?: string;
  /** Address of the source's socket. */
  readonly ip: string;
  /** How it connected: "SOURCE", "PUT", "SHOUTcast". */
  readonly protocol: string;
}
