import { replyHeaders } from "../reply-headers.ts";

/** Icecast reads no forms at all. */
export const tooLarge = (): Response =>
  new Response("the form is too large\n", {
    status: 413,
    headers: replyHeaders("text/plain; charset=utf-8"),
  });
