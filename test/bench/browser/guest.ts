// What both pages share: which guest the address asks for, its files, and its serial console line by line on the page's.

/** The machine that is asked for by the address's parameter `guest`, in JSON: addresses of files, and sizes. */
export interface GuestRequest {
  kernel?: string;
  initrd?: string;
  append?: string;
  multiboot?: string;
  memory: number;
  cpus: number;
  jit: number | 'off';
}

export function readRequest(): GuestRequest {
  return JSON.parse(new URLSearchParams(location.search).get('guest') ?? '{}');
}

export async function load(address: string): Promise<Uint8Array> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Takes the console's bytes and says each line of the bench, and the one of a guest that is ready, as a message. */
export function sayLines(): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder('latin1');
  let pending = '';
  return (bytes) => {
    const lines = (pending + decoder.decode(bytes)).split(/\r*\n/);
    pending = lines.pop() ?? '';
    for (const line of lines) if (/@bench|^Ready: /.test(line)) console.info(line);
  };
}
