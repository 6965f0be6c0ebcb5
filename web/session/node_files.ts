// Where the built files lie for a program in Node: beside the bundle, or seen from the source while tests run.
// Node 20 reads no TypeScript, so workers are always started from build/cli. The page never uses this.

/** Folder of build/cli, as the bundle or the source sees it. */
const built = import.meta.url.endsWith('.ts')
  ? new URL('../../build/cli/', import.meta.url)
  : new URL('./', import.meta.url);

/** The compiled core. */
export const coreFile: URL = new URL('../core.wasm', built);

/** What `npm run guests` has fetched: a manifest and the files that it names. It may be absent. */
export const guestsFolder: URL = new URL('../../.guests/', built);

/** The bundle of web/.../NAME.ts, where NAME ends in `_worker`: `new Worker(workerFile('vcpu_worker'))`. */
export function workerFile(name: string): URL {
  return new URL(`${name}.js`, built);
}
