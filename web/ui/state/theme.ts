// Light or dark: the system's wish until the person chooses. index.html applies the stored choice before first paint.

import { Store } from './store.ts';

export type Theme = 'light' | 'dark';

const KEY = 'vitrine.theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function current(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return prefersDark.matches ? 'dark' : 'light';
}

/** The theme in force. */
export const theme = new Store<Theme>(current());
prefersDark.addEventListener('change', () => theme.set(current()));

/** Switches to the other theme and remembers it in this browser. */
export function toggleTheme(): void {
  document.documentElement.dataset.theme = theme.get() === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(KEY, document.documentElement.dataset.theme);
  } catch {
    // A page without storage forgets the choice at the next visit, which is all that is lost.
  }
  theme.set(current());
}
