import { Hono } from "hono";
import indexHtml from "./page/index.html";
import pageCss from "./page/page.css";
// oxlint-disable import/default -- bundled as text (wrangler.toml, rules)
import pageJs from "./page/page.js";
import partsJs from "./page/page-parts.js";
import playerJs from "./page/page-player.js";

/** The status page: static files of `page/`, bundled as text. */
export const page = new Hono();

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "media-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const serve = (body: string, contentType: string) => (): Response =>
  new Response(body, {
    headers: {
      "Content-Type": `${contentType}; charset=utf-8`,
      "Cache-Control": "no-cache",
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    },
  });

page.get("/", serve(indexHtml, "text/html"));
page.get("/status.xsl", serve(indexHtml, "text/html"));
page.get("/page.css", serve(pageCss, "text/css"));
page.get("/page.js", serve(pageJs, "text/javascript"));
page.get("/page-parts.js", serve(partsJs, "text/javascript"));
page.get("/page-player.js", serve(playerJs, "text/javascript"));
