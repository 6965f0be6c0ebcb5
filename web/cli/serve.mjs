// A static file server for the built page, in plain Node without dependencies. It knows files and headers only.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

/** What makes a page cross-origin isolated, so that it may share memory between workers. */
export const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/**
 * The file a request path names below `root`, or undefined.
 * @param {string} root
 * @param {string} path
 */
function findFile(root, path) {
  const wanted = normalize(join(root, path.endsWith('/') ? `${path}index.html` : path));
  if (wanted !== root && !wanted.startsWith(root + sep)) return undefined;
  const found = statSync(wanted, { throwIfNoEntry: false });
  return found?.isFile() ? { path: wanted, size: found.size } : undefined;
}

/**
 * Serves the files below `root` over HTTP on this machine.
 * @param {object} options
 * @param {string} options.root folder of the built page
 * @param {Record<string, string>} [options.also] folders that lie elsewhere, by the name they have in the page; their
 *   files come before the page's own
 * @param {number} [options.port] 0 or absent: any free port
 * @param {string} [options.host] interface to listen on, 127.0.0.1 when absent
 * @param {boolean} [options.isolate] send COOP and COEP; true when absent
 * @param {string} [options.base] sub-path the page lies at, '/' when absent
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export function serve({ root, also = {}, port = 0, host = '127.0.0.1', isolate = true, base = '/' }) {
  const plain = (/** @type {string} */ path) => normalize(path).replace(/[/\\]$/, '');
  const folder = plain(root);
  const find = (/** @type {string} */ path) => {
    const [first = '', ...rest] = path.split('/');
    const elsewhere = Object.hasOwn(also, first) ? also[first] : undefined;
    return (elsewhere && findFile(plain(elsewhere), `/${rest.join('/')}`)) || findFile(folder, `/${path}`);
  };
  const server = createServer((request, response) => {
    const answer = (/** @type {number} */ status, /** @type {string} */ text) =>
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
    let path;
    try {
      path = decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname);
    } catch {
      return answer(400, 'This is not an address.\n');
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(405, 'Only GET and HEAD here.\n');
    if (!path.startsWith(base)) return answer(404, `The page is at ${base}\n`);
    const file = find(path.slice(base.length));
    if (!file) return answer(404, 'There is no such file.\n');
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file.path)] ?? 'application/octet-stream',
      'Content-Length': file.size,
      'Cache-Control': path.includes('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
      ...(isolate ? ISOLATION_HEADERS : {}),
    });
    if (request.method === 'HEAD') return response.end();
    return createReadStream(file.path)
      .on('error', () => response.destroy())
      .pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      const close = () =>
        /** @type {Promise<void>} */ (
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          })
        );
      resolve({
        url: `http://${host === '127.0.0.1' ? 'localhost' : host}:${bound}${base}`,
        port: bound,
        close,
      });
    });
  });
}
