/** Files that the build puts beside the page; a module of each is its address. */
declare module '*.wasm?url' {
  const address: string;
  export default address;
}
declare module '*?raw' {
  const text: string;
  export default text;
}
declare module '*.css' {}
