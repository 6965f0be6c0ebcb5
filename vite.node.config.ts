// The command line's build: web/cli and every *_worker.ts, as plain modules for Node 20 beside each other in
// build/cli (Node 20 cannot read TypeScript). No page here.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineConfig } from 'vite';

/** web/session/machine_worker.ts becomes build/cli/machine_worker.js, whoever starts it. */
const workers = readdirSync('web', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('_worker.ts'))
  .map((path) => [basename(path, '.ts'), join('web', path)]);

export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'build/cli',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: { main: 'web/cli/main.ts', ...Object.fromEntries(workers) },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunk_[name]_[hash].js' },
    },
  },
  ssr: { noExternal: true, external: ['iced-x86'] },
});
