import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AskedListener,
  escapeField,
  listenerAddForm,
  listenerRemoveForm,
  readAuthAnswer,
} from "../../shared/url-auth.ts";

/** As Icecast 2.4.4 sent them. */
const listener: AskedListener = {
  server: "radio.example",
  port: 18_457,
  client: 80,
  target: "/url.mp3?t=abc&lim=1",
  user: "bob",
  password: "ok",
  ip: "127.0.0.1",
  agent: "UA/1",
};
const request = new Map([
  ["x-test", "yes"],
  ["referer", "http://r/"],
]);
const passedOn = { headers: ["x-test", "referer", "x-absent"], headerPrefix: "ClientHeader." };
const headerOf = (name: string) => request.get(name) ?? null;

describe("what an authentication server is told", () => {
  it("of a listener that comes is what Icecast 2.4.4 tells, byte for byte", () => {
    expect(listenerAddForm(listener, passedOn, headerOf)).toBe(
      "action=listener_add&server=radio%2eexample&port=18457&client=80&mount=%2furl%2emp3%3ft%3dabc%26lim%3d1&user=bob&pass=ok&ip=127%2e0%2e0%2e1&agent=UA%2f1&ClientHeader.x-test=yes&ClientHeader.referer=http%3a%2f%2fr%2f",
    );
    const bad = { ...listener, client: 79, target: "/url.mp3", password: "bad", agent: null };
    expect(listenerAddForm(bad, passedOn, () => null)).toBe(
      "action=listener_add&server=radio%2eexample&port=18457&client=79&mount=%2furl%2emp3&user=bob&pass=bad&ip=127%2e0%2e0%2e1&agent=-",
    );
    const nobody = {
      ...listener,
      port: 23_457,
      client: 5,
      target: "/url.mp3",
      user: "",
      password: "",
      agent: null,
    };
    expect(listenerAddForm(nobody, passedOn, () => null)).toBe(
      "action=listener_add&server=radio%2eexample&port=23457&client=5&mount=%2furl%2emp3&user=&pass=&ip=127%2e0%2e0%2e1&agent=-",
    );
  });

  it("of one that goes is the same with its time", () => {
    expect(listenerRemoveForm(listener, 1_935)).toBe(
      "action=listener_remove&server=radio%2eexample&port=18457&client=80&mount=%2furl%2emp3%3ft%3dabc%26lim%3d1&user=bob&pass=ok&duration=2&ip=127%2e0%2e0%2e1&agent=UA%2f1",
    );
  });

  it("has nothing in a value but letters, digits and escapes", () => {
    expect(escapeField("a_b=c-d~e.f%20g+h ä")).toBe("a%5fb%3dc%2dd%7ee%2ef%2520g%2bh%20%c3%a4");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escapeField(text);
        expect(escaped).toMatch(/^(?:[0-9A-Za-z]|%[0-9a-f]{2})*$/);
        expect(decodeURIComponent(escaped)).toBe(text.toWellFormed());
      }),
    );
  });
});

describe("what an authentication server says", () => {
  const auth = {
    acceptHeader: { name: "icecast-auth-user", value: "1" },
    timelimitHeader: "icecast-auth-timelimit",
  };
  const read = (headers: Record<string, string>, status = 200, asked = auth) =>
    readAuthAnswer(asked, status, (name) => headers[name.toLowerCase()] ?? null);
  const yes = { "icecast-auth-user": "1" };

  it("lets in when the header reads as expected, in any case, and the status is no error", () => {
    expect(read(yes)).toEqual({ kind: "accepted", limitSeconds: undefined });
    expect(read(yes, 302).kind).toBe("accepted");
    expect(read({ "icecast-auth-user": "0, 1" }).kind).toBe("accepted");
    const custom = { ...auth, acceptHeader: { name: "X-Ok", value: "Yes Sir" } };
    expect(read({ "x-ok": " yes SIR" }, 200, custom).kind).toBe("accepted");
    expect(read({}).kind).toBe("refused");
    expect(read({ "icecast-auth-user": "2" }).kind).toBe("refused");
    expect(read(yes, 401).kind).toBe("refused");
    expect(read(yes, 500).kind).toBe("refused");
  });

  it("may limit the time, in seconds; what is no number is none at all", () => {
    const limit = (value: string) => read({ ...yes, "icecast-auth-timelimit": value });
    expect(limit(" 2")).toEqual({ kind: "accepted", limitSeconds: 2 });
    expect(limit("3600 s")).toEqual({ kind: "accepted", limitSeconds: 3_600 });
    expect(limit("soon")).toEqual({ kind: "accepted", limitSeconds: 0 });
  });
});
