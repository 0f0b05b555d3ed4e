declare module "*.html" {
  const text: string;
  export default text;
}
declare module "*.css" {
  const text: string;
  export default text;
}
/** Scripts of the pages, bundled as text as well (wrangler.toml, rules). */
declare module "*.js" {
  const text: string;
  export default text;
}
