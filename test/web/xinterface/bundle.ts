// A TypeScript file as a worker of Node 20, which reads none: Vite puts it and what it imports into one file.

import { basename, join, resolve } from 'node:path';
import { build } from 'vite';

/** The path of the built file. */
export async function bundle(path: string): Promise<string> {
  const name = basename(path, '.ts');
  const outDir = resolve('build/test', `${name}_${process.pid}`);
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      target: 'node20',
      outDir,
      minify: false,
      rolldownOptions: { input: { [name]: path }, output: { entryFileNames: '[name].mjs' } },
    },
    ssr: { noExternal: true },
  });
  return join(outDir, `${name}.mjs`);
}
