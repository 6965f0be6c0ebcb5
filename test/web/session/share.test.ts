// Share links: there and back, and what a stranger's link may not do.
import { describe, expect, test } from 'vitest';
import { decodeLink, encodeLink, type SharedPage } from '../../../web/session/share.ts';

const page: SharedPage = {
  guest: 'port_io',
  source: 'bits 16\n  mov al, 0x41 ; Ä\n  hlt\n',
  options: {
    memory: 0x100000,
    cpus: 2,
    engine: 'deterministic',
    seed: 7,
    logDirty: true,
    at: 0x1000,
    mode: 'real',
  },
  layout: { columns: [60, 40] },
  shown: { registers: 'vectors' },
};

/** A link as encodeLink makes it, around any value. */
const linkOf = (value: unknown) => encodeLink(value as SharedPage);

describe('a share link', () => {
  test('brings back source, options and layout', async () => {
    const link = await encodeLink(page);
    expect(link).toMatch(/^#v1=[\w-]+$/);
    expect(await decodeLink(link)).toEqual({ kind: 'page', page });
  });

  test('brings no disk, network or share of the person who opens it', async () => {
    const devices = [
      { kind: 'blk', disk: 'mine' },
      { kind: 'net', network: 'lan' },
      { kind: '9p', tag: 'files', path: '/share/files' },
      { kind: 'rng', seed: 3 },
      { kind: 'nothing' },
    ];
    const link = await linkOf({ ...page, options: { ...page.options, devices } });
    expect(await decodeLink(link)).toMatchObject({ page: { options: { devices: [{ kind: 'rng' }] } } });
  });

  test('is short: a source of 2,000 bytes takes less than half of that', async () => {
    const source = 'again:\n  mov dx, 0x3f8\n  out dx, al\n  jmp again\n'.repeat(40);
    expect((await encodeLink({ ...page, source })).length).toBeLessThan(1000);
  });

  test('from a newer version gives a sentence that says so', async () => {
    expect(await decodeLink('#v2=abc')).toMatchObject({
      kind: 'bad',
      sentence: expect.stringContaining('newer'),
    });
  });

  test.each(['#v1=', '#v1=%%%', '#v1=AAAA', '#v1=y0jNyclXKM8vyklRSM7PK0nNKwEA'])(
    'that is damaged (%s) gives a sentence',
    async (link) => {
      expect(await decodeLink(link)).toMatchObject({
        kind: 'bad',
        sentence: expect.stringContaining('damaged'),
      });
    },
  );

  test('with wrong fields is refused, and with a wrong layout opens without it', async () => {
    const wrong = await linkOf({ ...page, options: { ...page.options, engine: 'quantum' } });
    expect((await decodeLink(wrong)).kind).toBe('bad');
    const odd = await linkOf({ ...page, layout: { columns: ['wide'] } });
    expect(await decodeLink(odd)).toMatchObject({ kind: 'page', page: { layout: {} } });
    const strange = await linkOf({ ...page, shown: { registers: 1 } });
    expect(await decodeLink(strange)).toMatchObject({ kind: 'page', page: { shown: {} } });
  });

  test('that unpacks to more than a page is refused', async () => {
    const bomb = await linkOf({ ...page, source: 'a'.repeat(2 << 20) });
    expect((await decodeLink(bomb)).kind).toBe('bad');
  });

  test('is no link when the fragment is empty or an anchor', async () => {
    expect(await decodeLink('')).toEqual({ kind: 'none' });
    expect(await decodeLink('#console')).toEqual({ kind: 'none' });
  });
});
