import adminCssText from "../page/admin.css";
import adminHtml from "../page/admin.html";
// oxlint-disable import/default -- bundled as text (wrangler.toml, rules)
import adminJs from "../page/admin.js";
import cardJs from "../page/admin-card.js";
import ordersJs from "../page/admin-orders.js";
import partsJs from "../page/admin-parts.js";
import wordsJs from "../page/admin-words.js";
import { pageFile } from "../page-headers.ts";

/** The console: static files of `page/`, bundled as text. What it shows it asks for itself. */
const serve = pageFile({
  script: "'self'",
  style: "'self'",
  connect: "'self'",
  img: "'self' data:",
  form: "'self'",
});

export const adminPage = serve(adminHtml, "text/html");
export const adminCss = serve(adminCssText, "text/css");
/** By what follows `/admin/`. */
export const adminScripts: Readonly<Record<string, () => Response>> = {
  "admin.js": serve(adminJs, "text/javascript"),
  "admin-card.js": serve(cardJs, "text/javascript"),
  "admin-orders.js": serve(ordersJs, "text/javascript"),
  "admin-parts.js": serve(partsJs, "text/javascript"),
  "admin-words.js": serve(wordsJs, "text/javascript"),
};
