/** The worker imports page.js as text (wrangler.toml, rules). */
declare const text: string;
export default text;
