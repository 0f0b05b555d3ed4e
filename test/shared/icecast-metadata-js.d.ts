/** The part of the package that the tests use; it brings no types of its own. */
declare module "icecast-metadata-js" {
  export class IcecastMetadataReader {
    constructor(options: {
      icyMetaInt: number;
      metadataTypes: readonly ["icy"];
      onStream: (value: { stream: Uint8Array }) => void;
      onMetadata: (value: {
        metadata: { StreamTitle?: string; StreamUrl?: string };
        stats: { streamBytesRead: number };
      }) => void;
    });
    readAll(chunk: Uint8Array): void;
  }
}
