import { expect } from 'vitest';
import { browserTest } from './support/browser.ts';
import { makeSite, makeStage } from './support/stage.ts';

const stage = makeStage({ page: 'opfs' });
const whole = makeSite();

browserTest('files in the browser are made, shared, renamed and kept beyond a reload', () =>
  stage.withPage({}, async (page, errors) => {
    const look = async () => {
      await page.goto(`${stage.site.url}opfs.html`);
      await page.waitForFunction(() => document.title === 'done');
      return JSON.parse((await page.textContent('body')) ?? '');
    };
    const first = await look();
    expect(first).toEqual({
      before: [],
      size: 5,
      mode: 0o100755,
      isRecent: true,
      busy: ['EBUSY', 'EBUSY'],
      tail: 't',
      errors: ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM', 'EXDEV'],
      names: ['big', 'dir', 'kept', 'old'],
      renamed: 'new',
      isSame: true,
    });
    await page.reload();
    // Its worker begins anew, and is done with the file by then.
    await page.waitForFunction(() => document.title === 'done');
    const text = await page.evaluate(async () => {
      const top = await navigator.storage.getDirectory();
      const folder = await (await top.getDirectoryHandle('shares')).getDirectoryHandle('test');
      return (await (await folder.getFileHandle('kept')).getFile()).text();
    });
    expect(text).toBe('kept');
    expect(errors).toEqual([]);
  }),
);

browserTest("the page's own tree has them in /share/files", () =>
  stage.withPage({}, async (page, errors) => {
    page.setDefaultTimeout(30_000);
    const shell = page.getByRole('region', { name: 'Shell', exact: true });
    const type = async (line: string, answer: string) => {
      await page.goto(whole.url);
      // The page remembers which of the two was shown.
      await page.getByRole('radio', { name: 'Shell', exact: true }).click();
      await shell.locator('.xterm-accessibility').getByText('/home $').first().waitFor();
      await page.getByRole('textbox', { name: /^Shell input/ }).focus();
      await page.keyboard.type(`${line}\n`);
      await shell.locator('.xterm-accessibility').getByText(answer).first().waitFor();
    };
    await type('echo kept > /share/files/it; stat -c %s-bytes /share/files/it', '5-bytes');
    await type('sed s/^/still-/ /share/files/it', 'still-kept');
    expect(errors).toEqual([]);
  }),
);
