// @ts-check
import { byId, find } from "./admin-parts.js";
import { say } from "./admin-words.js";
/* What changes something: Icecast's commands, by POST with the page's token. */

const requestTimeoutMs = 8_000;

let csrf = "";
/** @type {() => void} */
let afterwards = () => undefined;

/** The page's token, as the server told it last. @param {string} token */
export function useToken(token) {
  csrf = token;
}

/** What is done after each order. @param {() => void} look */
export function lookAfterwards(look) {
  afterwards = look;
}

const notice = byId("notice");
/** @type {number | undefined} */
let noticeTimer;

/** @param {string} text @param {boolean} [isBad] */
export function tell(text, isBad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", isBad);
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.hidden = true), isBad ? 8_000 : 4_000);
}

/** @param {string} question @param {string} action @returns {Promise<boolean>} */
export function confirmed(question, action) {
  const dialog = find(document, "#confirm", HTMLDialogElement);
  byId("confirm-text").textContent = question;
  byId("confirm-ok").textContent = action;
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}

/**
 * Carries a command out, tells how it went, and looks again.
 * @param {string} command
 * @param {Record<string, string>} fields
 * @param {string} success
 * @param {Record<string, string>} [otherwise] what to say of Icecast's messages that are no success
 */
export async function order(command, fields, success, otherwise = {}) {
  try {
    const reply = await fetch(`/admin/${command}`, {
      method: "POST",
      headers: { "X-Skywave-Csrf": csrf },
      body: new URLSearchParams(fields),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    const text = await reply.text();
    const parsed = new DOMParser().parseFromString(text, reply.ok ? "text/xml" : "text/html");
    const message = parsed.querySelector("message, b, body")?.textContent ?? "";
    const known = Object.entries(otherwise).find(([start]) => message.includes(start))?.[1];
    const isDone = reply.ok && parsed.querySelector("return")?.textContent !== "0";
    tell(
      known ?? (isDone ? success : say("That did not work: {0}", message || String(reply.status))),
      !isDone || known !== undefined,
    );
  } catch {
    tell(say("The station cannot be reached. Trying again…"), true);
  }
  afterwards();
}
