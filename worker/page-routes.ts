import { Hono } from "hono";
import { pageFile } from "./page-headers.ts";
import indexHtml from "./page/index.html";
import pageCss from "./page/page.css";
// oxlint-disable import/default -- bundled as text (wrangler.toml, rules)
import pageJs from "./page/page.js";
import partsJs from "./page/page-parts.js";
import playerJs from "./page/page-player.js";

/** The status page: static files of `page/`, bundled as text. */
export const page = new Hono();

const serve = pageFile({
  script: "'self'",
  style: "'self'",
  connect: "'self'",
  media: "'self'",
  img: "'self' data:",
});

page.get("/", serve(indexHtml, "text/html"));
page.get("/status.xsl", serve(indexHtml, "text/html"));
page.get("/page.css", serve(pageCss, "text/css"));
page.get("/page.js", serve(pageJs, "text/javascript"));
page.get("/page-parts.js", serve(partsJs, "text/javascript"));
page.get("/page-player.js", serve(playerJs, "text/javascript"));
