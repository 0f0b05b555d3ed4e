/**
 * A file cannot be played, or not further. The message follows the file's name in a sentence: "was changed while it
 * played". Who plays goes on with the next track.
 */
export class TrackError extends Error {
  override readonly name = "TrackError";
}
