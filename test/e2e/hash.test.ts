// The deterministic engine in Chromium and in Node: the same guest and seed leave the same bytes of memory.
import { expect } from 'vitest';
import { readCore } from '../../web/cli/core_file.ts';
import { nodeThreads } from '../../web/cli/threads/node_threads.ts';
import { SessionClient } from '../../web/session/client.ts';
import { hashedMachine } from './pages/hashed_machine.ts';
import { browserTest } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const stage = makeStage({ page: 'hash' });
const { site } = stage;

/** The hash of the same machine in Node. */
async function hashInNode(): Promise<string> {
  const session = await SessionClient.start(
    nodeThreads.spawn('machine'),
    'deterministic',
    readCore(),
    hashedMachine,
  );
  await new Promise<void>((resolve) => {
    session.onStatus(({ state }) => {
      if (state === 'ended') resolve();
    });
    void session.run();
  });
  const hash = await session.hash();
  await session.close();
  return hash;
}

browserTest('two racing vCPUs leave the same memory in Chromium and in Node', () =>
  stage.withPage({}, async (page, errors) => {
    await page.goto(`${site.url}hash.html`);
    await page.waitForFunction(() => document.body.textContent?.includes('deterministic '));
    expect(await page.textContent('body')).toBe(`deterministic ${await hashInNode()}`);
    expect(errors).toEqual([]);
  }),
);
