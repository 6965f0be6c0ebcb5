// One machine in a Chromium of its own, headless: opens its page, takes the guest's lines from the page's console, and reads
// CPU time and memory of all the browser's processes from Linux's /proc. As process.mjs does for a program.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { serve } from '../../web/cli/serve.mjs';
import { cpuSeconds, peakMemory } from './process.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLACES = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

/** `pid` and all that it has started. */
function familyOf(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').pop().split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const all = [pid];
  for (const one of all) all.push(...(children.get(one) ?? []));
  return all;
}

/** CPU seconds of all processes together, and the memory of the largest: the one with the page. */
function readFamily(pid) {
  const sum = { user: 0, system: 0, memory: 0 };
  for (const one of familyOf(pid)) {
    try {
      const { user, system } = cpuSeconds(one);
      sum.user += user;
      sum.system += system;
      sum.memory = Math.max(sum.memory, peakMemory(one));
    } catch {
      // It has ended meanwhile.
    }
  }
  return sum;
}

/**
 * Builds the pages and serves them with the files of `folders` (by name). Gives `{ watch, close }`: `watch([page, guest],
 * patience, onLine)` is watchProcess of process.mjs for a page in place of a program; paths in `guest` lie in the folders.
 */
export async function openBrowserBench(folders) {
  const executablePath = PLACES.find((path) => path && existsSync(path));
  if (!executablePath)
    throw new Error('no Chromium was found: install the package "chromium" or set CHROME_PATH.');
  process.chdir(ROOT);
  await build({ configFile: join(ROOT, 'test', 'bench', 'browser', 'vite.config.ts') });
  const also = { ...folders, firmware: '/usr/share/seabios' };
  const site = await serve({ root: join(ROOT, 'build', 'bench-browser'), also });

  /** The address of a file that lies in one of the folders. */
  const addressOf = (path) => {
    const found = Object.entries(folders).find(([, folder]) => path === join(folder, basename(path)));
    if (!found) throw new Error(`${path} is not served.`);
    return `${found[0]}/${basename(path)}`;
  };

  async function watch([page, guest], patience, onLine) {
    const began = performance.now();
    const server = await chromium.launchServer({ executablePath, headless: true, args: FLAGS });
    try {
      const browser = await chromium.connect(server.wsEndpoint());
      const pid = server.process().pid;
      const request = Object.fromEntries(
        Object.entries(guest).map(([key, value]) => [
          key,
          ['kernel', 'initrd', 'multiboot'].includes(key) ? addressOf(value) : value,
        ]),
      );
      const tab = await browser.newPage();
      await new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`the page said nothing for ${patience} s`)),
          patience * 1000,
        );
        const end = (settle, value) => {
          clearTimeout(timer);
          settle(value);
        };
        tab.on('pageerror', (error) => end(reject, error));
        tab.on('crash', () => end(reject, new Error('the page has crashed')));
        tab.on('console', (message) => {
          timer.refresh();
          if (message.type() === 'error') return end(reject, new Error(message.text()));
          try {
            const now = { wall: (performance.now() - began) / 1000, ...readFamily(pid) };
            if (onLine(message.text(), now)) end(resolve);
          } catch (error) {
            end(reject, error);
          }
        });
        tab
          .goto(`${site.url}${page}.html?guest=${encodeURIComponent(JSON.stringify(request))}`)
          .catch(reject);
      });
    } finally {
      await server.kill();
    }
  }

  return { watch, close: () => site.close() };
}
