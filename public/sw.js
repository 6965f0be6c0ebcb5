// Vitrine's service worker: adds the isolation headers where the host sends none, and keeps the built files for
// use without a network. It caches only this page's own files and never decides when to reload.
const CACHE = 'vitrine-1';

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()));

self.addEventListener('activate', (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith('vitrine-') && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

/** The same answer with COOP, COEP and CORP; answers without a readable status are passed as they are. */
function isolated(response) {
  if (response.status === 0 || response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const body = [101, 204, 205, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

/** A new index.html names new hashed files: the ones of the build before are dropped. */
async function keepPage(cache, key, fresh) {
  const old = await cache.match(key);
  if (old && (await old.text()) !== (await fresh.clone().text())) {
    for (const entry of await cache.keys()) {
      if (new URL(entry.url).pathname.includes('/assets/')) await cache.delete(entry);
    }
  }
  await cache.put(key, fresh);
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const isPage = request.mode === 'navigate';
  // One entry for the page whatever its query; a fragment never reaches the network.
  const key = isPage ? new URL('./', self.registration.scope).href : request;
  const isHashed = new URL(request.url).pathname.includes('/assets/');
  const kept = isHashed ? await cache.match(key) : undefined;
  if (kept) return isolated(kept);
  try {
    const fresh = await fetch(request);
    if (fresh.status === 200) {
      const copy = fresh.clone();
      const keeping = isPage ? keepPage(cache, key, copy) : cache.put(key, copy);
      keeping.catch(() => undefined); // a full disk costs the offline copy, not the page
    }
    return isolated(fresh);
  } catch (error) {
    const offline = await cache.match(key);
    if (offline) return isolated(offline);
    throw error;
  }
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOurs = request.method === 'GET' && request.url.startsWith(self.registration.scope);
  const isRange = request.headers.has('range');
  if (!isOurs || isRange || (request.cache === 'only-if-cached' && request.mode !== 'same-origin')) return;
  event.respondWith(answer(request));
});
