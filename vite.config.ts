// The page's build, its development server and the tests. The command line's build is vite.node.config.ts.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { icedForBrowsers } from './vite.iced.ts';
import { ISOLATION_HEADERS } from './web/cli/serve.mjs';

export default defineConfig({
  base: './',
  plugins: [icedForBrowsers(), react()],
  worker: { format: 'es', plugins: () => [icedForBrowsers()] },
  build: { target: 'es2022', outDir: 'dist', assetsInlineLimit: 0, chunkSizeWarningLimit: 2000 },
  server: { headers: ISOLATION_HEADERS },
  preview: { headers: ISOLATION_HEADERS },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
