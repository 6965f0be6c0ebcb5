// Exit rates from counts at moments.
import { expect, test } from 'vitest';
import { ExitRates } from '../../../web/ui/state/exit_rates.ts';

const IO = 2;
const MMIO = 6;

test('rates are those of the last whole second, for every reason', () => {
  const rates = new ExitRates();
  rates.look(new Map([[IO, 100]]), 0);
  expect(rates.look(new Map([[IO, 500]]), 500)).toEqual(new Map());
  const counts = new Map([
    [IO, 2100],
    [MMIO, 30],
  ]);
  const second = new Map([
    [IO, 1000],
    [MMIO, 15],
  ]);
  expect(rates.look(counts, 2000)).toEqual(second);
  expect(rates.look(counts, 2500)).toEqual(second);
  expect(rates.look(counts, 3000).get(IO)).toBe(0);
});

test('counts that fall are those of another machine', () => {
  const rates = new ExitRates();
  rates.look(new Map([[IO, 5000]]), 0);
  expect(rates.look(new Map([[IO, 10]]), 2000)).toEqual(new Map());
  expect(rates.look(new Map([[IO, 20]]), 3000)).toEqual(new Map([[IO, 10]]));
});
