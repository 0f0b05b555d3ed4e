import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addCall,
  escapeValue,
  plainAudioInfo,
  readAnswer,
  removeCall,
  touchCall,
} from "../../../ingest/directory/directory-call.ts";

// As Icecast 2.4.4 sent them to a recording server, for a source with these headers.
const captured = {
  add: "action=add&sn=My%20%26%20Radio&genre=Jazz%20Soul&cpswd=&desc=D&url=https%3a%2f%2fe%2eorg%2f&listenurl=http%3a%2f%2fradio%2eexample%3a18457%2fyp%2emp3&type=audio%2fmpeg&stype=&b=128&ice%2dsamplerate%3d44100%3bice%2dbitrate%3d128%3bice%2dchannels%3d2\r\n",
  touch: "action=touch&sid=sid-123&st=A%20%2d%20B&listeners=0&max_listeners=40&stype=\r\n",
  remove: "action=remove&sid=sid-123",
};

test("calls are byte for byte those of Icecast 2.4.4", () => {
  const stream = {
    name: "My & Radio",
    genre: "Jazz Soul",
    description: "D",
    url: "https://e.org/",
    listenUrl: "http://radio.example:18457/yp.mp3",
    contentType: "audio/mpeg",
    subtype: "",
    bitrate: "128",
    audioInfo: "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
  };
  expect(addCall(stream)).toBe(captured.add);
  expect(touchCall("sid-123", "", { title: "A - B", listeners: 0, maxListeners: 40 })).toBe(captured.touch);
  expect(removeCall("sid-123")).toBe(captured.remove);
});

test("every byte but letters and digits is escaped, in lower-case hexadecimal", () => {
  expect(escapeValue("aZ09")).toBe("aZ09");
  expect(escapeValue("Björk\r\n&=+~")).toBe("Bj%c3%b6rk%0d%0a%26%3d%2b%7e");
});

test("any text comes back from its escape, and can end no field", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const escaped = escapeValue(text);
      expect(escaped).toMatch(/^(?:[A-Za-z0-9]|%[0-9a-f]{2})*$/);
      expect(decodeURIComponent(escaped)).toBe(text.toWellFormed());
    }),
  );
});

test("an answer is read from its headers", () => {
  expect(readAnswer({ ypresponse: "1", ypmessage: "Added", sid: "sid-123", touchfreq: "30" })).toEqual({
    done: true,
    message: "Added",
    sid: "sid-123",
    touchMs: 30_000,
  });
  expect(readAnswer({})).toEqual({ done: false, message: "", sid: null, touchMs: null });
  expect(readAnswer({ ypresponse: "0", ypmessage: "no", touchfreq: "-5" })).toMatchObject({
    done: false,
    touchMs: null,
  });
});

test("a session that would end a field is none", () => {
  for (const sid of ["a&b", "a b", "", "x".repeat(257), "é"]) {
    expect(readAnswer({ ypresponse: "1", sid })?.sid, sid).toBeNull();
  }
});

test("percent signs in the audio information are undone, as Icecast does", () => {
  expect(plainAudioInfo("quality=3%2e00;x=%")).toBe("quality=3.00;x=%");
});
