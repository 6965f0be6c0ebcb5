// Text files as modules (`import source from './x.asm?raw'`), which Vite builds into page, workers and command line.
declare module '*.asm?raw' {
  const text: string;
  export default text;
}
declare module '*.sh?raw' {
  const text: string;
  export default text;
}
