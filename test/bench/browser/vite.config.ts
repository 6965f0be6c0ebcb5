// Builds the bench's pages as the page of Vitrine is built. Its output is in build/bench-browser.
import { defineConfig } from 'vite';
import { icedForBrowsers } from '../../../vite.iced.ts';

export default defineConfig({
  root: 'test/bench/browser',
  base: './',
  logLevel: 'error',
  plugins: [icedForBrowsers()],
  worker: { format: 'es', plugins: () => [icedForBrowsers()] },
  build: {
    outDir: '../../../build/bench-browser',
    emptyOutDir: true,
    target: 'es2022',
    rolldownOptions: { input: ['test/bench/browser/vitrine.html', 'test/bench/browser/v86.html'] },
  },
});
