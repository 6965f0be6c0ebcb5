// The page's build, its development server and the tests. The command line's build is vite.node.config.ts.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** What makes a page cross-origin isolated, so that it may share memory between workers. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  build: { target: 'es2022', outDir: 'dist', assetsInlineLimit: 0 },
  server: { headers: isolation },
  preview: { headers: isolation },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
