// Networks in the page: Linux guests of two tabs and of one tab hear each other, and reach the files of their page.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeStage } from './support/stage.ts';
import { hasLinux, linux, Tab } from './support/tab.ts';

const GUESTS = { also: { guests: '.guests' }, canRun: hasLinux };
const stage = makeStage(GUESTS);
const pages = makeStage({ page: 'network', ...GUESTS });

/** The line of sha256sum about a file. */
const sumOf = (file: string) => new RegExp(`[\\da-f]{64}(?=  ${file})`);
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

test.skipIf(!hasLinux)(
  'guests of two tabs find an address each and fetch from each other, though one page stands still',
  async () => {
    const context = await stage.browser.newContext();
    try {
      const [one, two] = [new Tab(await context.newPage()), new Tab(await context.newPage())];
      await Promise.all([one.start(stage.site.url, 'class'), two.start(stage.site.url, 'class')]);
      const address = /\b10\.0\.\d+\.\d+(?=\/16)/;
      const own = 'until ip -4 -o addr show eth0 | grep inet; do sleep 1; done';
      const [first, second] = [await one.ask(own, address), await two.ask(own, address)];
      expect(first).not.toBe(second);
      const file = 'mkdir /w; dd if=/dev/urandom of=/w/f bs=1k count=1500; httpd -h /w; sha256sum /w/f';
      const served = await one.ask(file, sumOf('/w/f'));

      // Worse than a tab in the background: its page does nothing at all until the dialog is closed.
      const dialog = one.page.waitForEvent('dialog');
      const closed = one.page.evaluate(() => alert('The page stands still.'));
      const held = await dialog;
      await two.ask(`ping -c 3 ${first}`, /3 packets received, 0% packet loss/);
      expect(await two.ask(`wget -q -O /f http://${first}/f; sha256sum /f`, sumOf('/f'))).toBe(served);
      await held.accept();
      await closed;

      const manifest = 'wget -q -O /m http://page/guests/manifest.json; sha256sum /m';
      expect(await two.ask(manifest, sumOf('/m'))).toBe(sha256('.guests/manifest.json'));
      await two.ask('wget http://page/absent', /error: HTTP\/1.1 404 Not Found/);
      await two.ask('wget http://nas.local/', /HTTP\/1.1 403 nas.local is a name of the user's own network/);

      await two.page.getByRole('radio', { name: 'Devices' }).click();
      for (const { name, viewport, colorScheme } of LOOKS) {
        await two.page.setViewportSize(viewport);
        await two.page.emulateMedia({ colorScheme });
        const tab = two.page.getByRole('tab', { name: 'Devices' });
        if (await tab.count()) await tab.click();
        const network = two.page.getByRole('region', { name: 'Network class' });
        await network
          .getByRole('row', { name: /^this machine/ })
          .getByText(second)
          .waitFor();
        await network
          .getByRole('row', { name: /^another tab/ })
          .getByText(first)
          .waitFor();
        await network.getByText(/ago: Vitrine's gateway does not fetch http:\/\/nas.local/).waitFor();
        expect(await findAxeViolations(two.page)).toEqual([]);
        await screenshot(two.page, `network-${name}`);
      }
      expect([...one.errors, ...two.errors]).toEqual([]);
    } finally {
      await context.close();
    }
  },
  300_000,
);

/** Waits for DHCP, and takes an address that the other one knows beside the one that it was given. */
const address = (last: number) =>
  'until grep -qs nameserver /etc/resolv.conf; do sleep 1; done; ip -4 -o addr show eth0; ' +
  `ip addr add 10.0.9.${last}/16 dev eth0`;
const SERVER = `${address(1)}; mkdir /w; wget -q -O /w/f http://page/network.html; httpd -h /w; nc -l -p 99; poweroff`;
const CLIENT =
  `${address(2)}; until wget -q -O /f http://10.0.9.1/f; do sleep 1; done; sha256sum /f; ` +
  'ping -c 3 10.0.9.1; echo | nc 10.0.9.1 99; poweroff';

/** What test/e2e/pages/network.ts has in its global scope. */
interface NetworkPage {
  runAll(guest: string, parts: readonly { engine: string; script: string }[]): Promise<string[]>;
}

test.skipIf(!hasLinux).each(['parallel', 'deterministic'])(
  '%s: guests of one tab have an address each, and fetch from the page and from each other',
  (engine) =>
    pages.withPage({}, async (page, errors) => {
      await page.goto(`${pages.site.url}network.html`);
      await page.waitForFunction(() => document.title === 'ready');
      const [server = '', client = ''] = await page.evaluate(
        ([guest, parts]) => (globalThis as unknown as NetworkPage).runAll(guest, parts),
        [linux ?? '', [SERVER, CLIENT].map((script) => ({ engine, script }))] as const,
      );
      const given = [server, client].map((said) => /inet (10\.0\.[\d.]+)/.exec(said)?.[1]);
      expect(new Set(given).size).toBe(2);
      expect(client).toContain(sha256('build/e2e-network/network.html'));
      expect(client).toContain('3 packets received, 0% packet loss');
      expect(errors).toEqual([]);
    }),
  300_000,
);

test.skipIf(hasLinux)('no guest or no Chromium is here: run "npm run guests" on Debian first', (context) =>
  context.skip(),
);
