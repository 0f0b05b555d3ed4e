import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHtpasswd, readHtpasswd } from "../../config/htpasswd.ts";

const md5 = "ec6ef230f1828039ee794566b9c58adc";

describe("an htpasswd file", () => {
  it("has users as Icecast writes them, and what lets nobody in is told", () => {
    const hash = `$pbkdf2-sha256$i=100000$${"a".repeat(22)}$${"b".repeat(43)}`;
    expect(
      parseHtpasswd(`# comment\nu1:${md5}\r\n\nno colon\nu2:${hash}\nu1:${md5}\nu3:plain\n:${md5}`, "f"),
    ).toEqual({
      users: [
        { name: "u1", hash: md5 },
        { name: "u2", hash },
      ],
      notes: [
        "f:4: has no colon",
        "f:6: the user is there before",
        "f:7: has neither an MD5 nor a PBKDF2 hash: nobody gets in by it",
        "f:8: has no user name, or one of more than 128 characters",
      ],
    });
  });

  it("has no users when it is not there", () => {
    const { users, notes } = readHtpasswd("/nowhere/htpasswd");
    expect(users).toEqual([]);
    expect(notes[0]).toContain("has no users, /nowhere/htpasswd cannot be read: ENOENT");
  });

  it("never has a password in what is told of it", () => {
    expect(parseHtpasswd("user:letmein\nletmein", "f").notes.join()).not.toContain("letmein");
  });

  it("gives users that the edge accepts, whatever is in it", () => {
    const part = fc.oneof(fc.constantFrom("u:", md5, "\n", ":", "#", "\r\n", "\0"), fc.string());
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        for (const { name, hash } of parseHtpasswd(parts.join(""), "f").users) {
          expect(name).toMatch(/^[^:\r\n\0]{1,128}$/u);
          expect(hash).toMatch(/^[0-9a-f]{32}$/i);
        }
      }),
    );
  });
});
