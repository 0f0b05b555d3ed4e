export const help = `Usage: npm run library -- upload DIR [options]        store the music of a folder, for the edge to play by itself
       npm run library -- list [NAME]                 the libraries in storage, or what one of them plays
       npm run library -- remove NAME [TRACK...]      take tracks out (by title or id), or a library off the air
       npm run library -- prune                       delete what no library plays any more

Of upload:
  --name NAME         the library's name (default: from the folder's); "library" in station.toml
  --order ORDER       random (default) or sequential: by file name
  --memory N          random: a track comes again after so many others (default: 50)
  --weight FILE=N     play a file, or each file of a folder, N times as often; may be given again
  --jingles DIR       what is played between tracks...
  --every-tracks N    ...one after so many (default: 4)
  --loudness LUFS     level that all tracks are brought to without encoding them anew (default: -16; off: as they are)
  --format FORMAT     such as "44100 stereo" (default: what most of the music has)
  --bitrate KBPS      of files that have another format and are encoded anew, once (default: 192)
  --no-transcode      refuse such files instead
  --dry-run           look at everything, store nothing

Of all:
  --config FILE       station file (default: station.toml, if there is one)
  --data DIR          the station's data folder (default: .skywave)
  --help              this text

The storage is that of the stack that runs on the data folder (npm start, in another terminal). For another one, such as
R2, set SKYWAVE_S3_URL (https://<account>.r2.cloudflarestorage.com/<bucket>), SKYWAVE_S3_ACCESS_KEY_ID and
SKYWAVE_S3_SECRET_ACCESS_KEY. Only what storage lacks is uploaded: an upload that was broken off goes on with the same
command. What was taken out of the folder is taken out of the library. Listeners hear a change after three minutes, where a
track ends; what "remove" takes out is gone within three minutes.

Exit codes: 0 done (files that were refused are named), 1 failed, 2 this text or a setting was needed, 130 interrupted.`;
