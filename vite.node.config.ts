// The command line's build: web/cli and the workers it starts, as plain modules for Node 20. No page here.
import { builtinModules } from 'node:module';
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'build/cli',
    minify: false,
    rolldownOptions: {
      input: { main: 'web/cli/main.ts' },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunk_[name]_[hash].js' },
      external: [...builtinModules, /^node:/],
    },
  },
  ssr: { noExternal: ['citty'] },
});
