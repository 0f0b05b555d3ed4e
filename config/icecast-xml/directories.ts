import type { XmlContext } from "./context.ts";
import { attribute, type Draft, eachChild, instead, numberOf, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

/** What Icecast waits when a file asks for less than a second or more than ten. */
const usualTimeout = 6;
const shortestTouch = 30;

/** `<directory>` of 2.4. */
export function readDirectory(directory: XmlElement, { draft }: Pick<XmlContext, "draft">): void {
  let url: string | undefined;
  let [timeout, touch] = [usualTimeout, shortestTouch];
  eachChild(
    directory,
    {
      "yp-url": (element) => {
        url = textOf(element) ?? url;
      },
      "yp-url-timeout": (element) => {
        timeout = timeoutOf(numberOf(element, draft), element, draft);
      },
      "touch-interval": (element) => {
        touch = touchOf(numberOf(element, draft), element, draft);
      },
      server: instead(draft, "has no effect, as in Icecast"),
    },
    draft,
  );
  append({ url, timeout, touch }, directory, draft);
}

/** `<yp-directory>` of 2.5. */
export function readYpDirectory(directory: XmlElement, { draft }: Pick<XmlContext, "draft">): void {
  let [timeout, touch] = [usualTimeout, shortestTouch];
  const option = (element: XmlElement) => {
    const text = attribute(element, "value") ?? "";
    const value = { ...element, text };
    if (attribute(element, "name") === "timeout") timeout = timeoutOf(numberOf(value, draft), element, draft);
    else if (attribute(element, "name") === "touch-interval")
      touch = touchOf(numberOf(value, draft), element, draft);
    else draft.note(element, "has no effect");
  };
  eachChild(directory, { option }, draft);
  append({ url: attribute(directory, "url"), timeout, touch }, directory, draft);
}

function timeoutOf(seconds: number | undefined, element: XmlElement, draft: Draft): number {
  if (seconds === undefined) return usualTimeout;
  if (seconds >= 1 && seconds <= 10) return seconds;
  draft.note(element, `${usualTimeout} seconds, as in Icecast, which knows 1 to 10`);
  return usualTimeout;
}

function touchOf(seconds: number | undefined, element: XmlElement, draft: Draft): number {
  if (seconds === undefined || seconds >= shortestTouch) return seconds ?? shortestTouch;
  draft.note(element, `${shortestTouch} seconds, as in Icecast, the shortest there is`);
  return shortestTouch;
}

function append(
  {
    url,
    timeout,
    touch,
  }: { readonly url: string | undefined; readonly timeout: number; readonly touch: number },
  element: XmlElement,
  draft: Draft,
): void {
  if (url === undefined) return draft.note(element, "left out: it has no URL");
  draft.append(["directory"], { url, timeout_seconds: timeout, touch_seconds: touch }, element);
}
