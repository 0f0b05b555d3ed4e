/** What Icecast 2.4.4 sends with every reply; `no-store` also keeps 404s out of caches. */
export const replyHeaders = (contentType: string): Record<string, string> => ({
  "Content-Type": contentType,
  "Cache-Control": "no-cache, no-store",
  Expires: "Mon, 26 Jul 1997 05:00:00 GMT",
  Pragma: "no-cache",
});
