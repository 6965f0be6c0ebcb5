// What a page or its worker has of the outer world: `fetch`, as far as the browser lets it. No sockets, no names.
import type { HostNetwork, WebAnswer, WebRequest } from './gateway/host.ts';

interface FetchResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Iterable<[string, string]>;
  readonly body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array }>;
      cancel(): Promise<void>;
    };
  } | null;
}

declare function fetch(url: string, init: object): Promise<FetchResponse>;

/** The page's part in the outer world; `isSecure` says that it was loaded by HTTPS. */
export function pageHost(isSecure: boolean): HostNetwork {
  return { fetch: (request) => fetchForMachine(request, isSecure) };
}

/**
 * Sends a machine's request. A page that came by HTTPS may not fetch by HTTP, so it asks the same server by HTTPS.
 * Cookies and passwords of the user are never sent along.
 */
async function fetchForMachine(request: WebRequest, isSecure: boolean): Promise<WebAnswer> {
  const url = isSecure ? request.url.replace(/^http:/, 'https:') : request.url;
  let response: FetchResponse;
  try {
    response = await fetch(url, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
  } catch (error) {
    throw new Error(
      `The browser did not give it to the page: ${url} (${(error as Error).message}). Most likely the server does not ` +
        'allow pages of other sites to read it: a page may fetch only what the server marks with ' +
        'Access-Control-Allow-Origin (CORS). The server may also be away. The command line has no such limit.',
    );
  }
  const reader = response.body?.getReader();
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    read: async () => (await reader?.read())?.value,
    cancel: () => void reader?.cancel().catch(() => {}),
  };
}
