// The words of --net, and what is refused.
import { expect, test } from 'vitest';
import { defaultMac, macOf, parseNetOption } from '../../../web/net/index.ts';

test.each([
  ['user', { network: {} }],
  ['switch=lab-1', { network: { name: 'lab-1' } }],
  ['user,forward=8080:80', { network: { forward: [{ host: 8080, guest: 80 }] } }],
  [
    'user,forward=0.0.0.0:0:web:80,forward=2222:10.0.2.16:22',
    {
      network: {
        forward: [
          { bind: '0.0.0.0', host: 0, to: 'web', guest: 80 },
          { host: 2222, to: '10.0.2.16', guest: 22 },
        ],
      },
    },
  ],
  ['user,host-loopback', { network: { hostLoopback: true } }],
  [
    'switch=a,no-gateway,mac=52:54:00:AA:00:01',
    { mac: '52:54:00:aa:00:01', network: { name: 'a', gateway: false } },
  ],
])('%s is understood', (text, option) => {
  expect(parseNetOption(text)).toEqual(option);
});

test.each([
  '',
  'bridge',
  'switch=',
  'switch=../x',
  'user,forward=80',
  'user,forward=70000:80',
  'user,forward=300.1.1.1:80:80',
  'user,mac=01:00:00:00:00:00',
  'user,speed=9',
  'user,no-gateway,forward=1:2',
])('%s is refused', (text) => {
  expect(() => parseNetOption(text)).toThrow('EINVAL');
});

test('an address that nobody has given follows from a seed and the number of the card', () => {
  expect(defaultMac(7, 0)).toBe(defaultMac(7, 0));
  const all = [0, 1, 2, 3].flatMap((seed) => [0, 1, 2].map((index) => macOf(defaultMac(seed, index))));
  expect(new Set(all).size).toBe(12);
  expect(defaultMac(7, 0)).toMatch(/^52:54:00(:[\da-f]{2}){3}$/);
});
