// Makes `import ... from 'iced-x86'` work in a browser page and in its workers. In Node the package loads itself.
// The npm package is wasm-bindgen's CommonJS output for Node; this rewrites its loader, not its code.
import type { Plugin } from 'vite';

/** How the browser gets the Wasm: a worker reads it at once, for messages that arrive during a wait are lost. */
const LOADER = `
import icedWasmUrl from './iced_x86_bg.wasm?url';
async function fetchIced() {
  return WebAssembly.compile(await (await fetch(icedWasmUrl)).arrayBuffer());
}
function readIced() {
  const request = new XMLHttpRequest();
  request.open('GET', icedWasmUrl, false);
  request.responseType = 'arraybuffer';
  request.send();
  return new WebAssembly.Module(request.response);
}
const wasmModule = typeof document === 'undefined' ? readIced() : await fetchIced();
`;

/** The plugin; it must also stand in `worker.plugins`. */
export function icedForBrowsers(): Plugin {
  return {
    name: 'vitrine:iced-x86',
    enforce: 'pre',
    config: () => ({ optimizeDeps: { exclude: ['iced-x86'] } }),
    transform(code, id) {
      if (!id.split('?')[0]?.endsWith('/iced-x86/iced_x86.js')) return null;
      if (this.environment.config.consumer !== 'client') return null;
      const names = new Set([...code.matchAll(/^module\.exports\.(\w+) =/gm)].map((match) => match[1] ?? ''));
      const body = code
        .replace(/^const \{ TextDecoder, TextEncoder \} = require\(`util`\);$/m, '')
        .replace(/^const path = require\('path'\)[\s\S]*?new WebAssembly\.Module\(bytes\);$/m, LOADER)
        .replaceAll(/\bmodule\.exports\b/g, 'icedExports');
      const exports = [...names].map(
        (name) => `const $${name} = icedExports.${name};\nexport { $${name} as ${name} };`,
      );
      return { code: `const icedExports = {};\n${body}\n${exports.join('\n')}\n`, map: null };
    },
  };
}
