// Makes the page cross-origin isolated where the host sends no headers: registers our service worker and reloads
// once. It never reloads twice; a page that cannot be isolated runs on, with one worker for all vCPUs.

/** `isolated`: memory can be shared. `reloading`: stop starting up. `alone`: run without shared memory. */
export type Isolation = 'isolated' | 'reloading' | 'alone';

const RELOADED = 'vitrine.reloaded-for-isolation';
/** How long to wait for the service worker to take the page, in ms, before the page starts without it. */
const PATIENCE = 5000;

/** The tab's memory of the one reload; a page that may not store anything must not reload at all. */
function hasReloaded(): boolean {
  try {
    return sessionStorage.getItem(RELOADED) !== null;
  } catch {
    return true;
  }
}

function rememberReload(reloaded: boolean): boolean {
  try {
    if (reloaded) sessionStorage.setItem(RELOADED, '1');
    else sessionStorage.removeItem(RELOADED);
    return true;
  } catch {
    return false;
  }
}

async function isTakenOver(): Promise<boolean> {
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register(new URL('sw.js', document.baseURI));
  // Active but not in control: this load was forced past it (shift-reload), a plain one will not be.
  if (registration.active) return true;
  const taken = new Promise<boolean>((resolve) => {
    if (serviceWorker.controller) resolve(true);
    else serviceWorker.addEventListener('controllerchange', () => resolve(true), { once: true });
  });
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PATIENCE));
  return Promise.race([taken, late]);
}

/**
 * Call once before the page starts. Where the host sends COOP and COEP it only registers the service worker (for
 * use without a network). In a frame the embedding page decides, so nothing is tried there.
 */
export async function ensureIsolation(): Promise<Isolation> {
  const canServe = 'serviceWorker' in navigator && isSecureContext && !import.meta.env.DEV;
  const isFramed = window.top !== window;
  if (crossOriginIsolated) {
    rememberReload(false);
    if (canServe && !isFramed) void isTakenOver().catch(() => undefined);
    return 'isolated';
  }
  if (!canServe || isFramed || hasReloaded()) return 'alone';
  try {
    if (!(await isTakenOver()) || !rememberReload(true)) return 'alone';
  } catch {
    return 'alone';
  }
  location.reload();
  return 'reloading';
}
