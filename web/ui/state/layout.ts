// Where the panels stand: the shares of each splitter group. It draws nothing; layout/Split.tsx does.

import { Store } from './store.ts';

/** Shares in percent of each group's panels, by the group's name. */
export type Layout = Record<string, number[]>;

/** The layout of a first visit. */
export const DEFAULT_LAYOUT = {
  columns: [55, 45],
  left: [54, 46],
  code: [59, 41],
  right: [55, 20, 25],
  memory: [55, 45],
} satisfies Layout;

export type GroupName = keyof typeof DEFAULT_LAYOUT;

/** No panel gets smaller than this share of its group. */
export const LEAST_SHARE = 10;

const KEY = 'vitrine.layout';

/** A layout with every group of ours, taken from `from` where its shares fit. */
export function completed(from: Layout): Layout {
  const layout: Layout = { ...DEFAULT_LAYOUT };
  for (const [name, shares] of Object.entries(DEFAULT_LAYOUT)) {
    const wanted = from[name];
    const sum = wanted?.reduce((total, share) => total + share, 0) ?? 0;
    if (wanted?.length === shares.length && wanted.every((share) => share > 0)) {
      layout[name] = wanted.map((share) => (share * 100) / sum);
    }
  }
  return layout;
}

/** Moves the border after panel `index` by `change` percent; both neighbours keep at least LEAST_SHARE. */
export function moved(shares: readonly number[], index: number, change: number): number[] {
  const [before = 0, after = 0] = [shares[index], shares[index + 1]];
  const least = Math.min(LEAST_SHARE, before, after);
  const step = Math.max(least - before, Math.min(change, after - least));
  return shares.map((share, at) => (at === index ? share + step : at === index + 1 ? share - step : share));
}

function remembered(): Layout {
  try {
    const layout: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return completed(layout as Layout);
  } catch {
    return { ...DEFAULT_LAYOUT };
  }
}

/** The layout in force. */
export const layout = new Store<Layout>(remembered());

/** Sets a group's shares and remembers them in this browser. */
export function setShares(group: GroupName, shares: number[]): void {
  layout.patch({ [group]: shares });
  try {
    localStorage.setItem(KEY, JSON.stringify(layout.get()));
  } catch {
    // Without storage the layout lasts as long as the page.
  }
}
