// Makes public/screenshot.png, the picture in the README: the first guest after a run. Needs `npm run build` and Chromium.
// Usage: node test/e2e/readme_picture.mjs ADDRESS, where ADDRESS is what `npm start` printed.
import { chromium } from 'playwright-core';

const [address] = process.argv.slice(2);
if (!address) {
  process.stderr.write('vitrine: give the address of the page, as npm start prints it.\n');
  process.exit(2);
}
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'];
const browser = await chromium.launch({
  executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
  args: flags,
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
await page.goto(address);
await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
await page.getByRole('button', { name: 'Run', exact: true }).click();
await page.getByRole('status', { name: 'Machine state' }).getByText('Ended').waitFor();
await page.waitForTimeout(500);
await page.screenshot({ path: 'public/screenshot.png' });
await browser.close();
