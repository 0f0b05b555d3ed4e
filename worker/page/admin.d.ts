/** The worker imports admin.js as text (wrangler.toml, rules). */
declare const text: string;
export default text;
