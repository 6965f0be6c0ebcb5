// Two guests in two processes on one network: they find an address each, hear each other, and reach a server of the host.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';

const MAIN = 'build/cli/main.js';
const isFetched = existsSync('.guests/cloud.vmlinuz');
/** Waits for DHCP, then takes an address that the other one knows. */
const address = (last: number) =>
  `until grep -q nameserver /etc/resolv.conf; do sleep 1; done; ip addr add 10.0.9.${last}/16 dev eth0`;

/** Runs a guest to its end; what it said. */
function guest(network: string, script: string): Promise<string> {
  const options = ['--guest', 'cloud', '--cpus', '1', '--timeout', '280', '--net', network];
  const child = spawn(process.execPath, [MAIN, 'run', ...options, '--append', `quiet run="${script}"`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('latin1').on('data', (text) => {
    said += text;
  });
  return new Promise((resolve) => child.on('close', () => resolve(said.replaceAll('\r', ''))));
}

test.skipIf(!isFetched)(
  'two guests ping and fetch from each other, and from a server of the host',
  async () => {
    const body = randomBytes(300_000).toString('base64');
    const server = createServer((_, answer) => answer.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const network = `switch=test-${process.pid},host-loopback`;
    const [first, second] = await Promise.all([
      guest(
        network,
        `${address(1)}; mkdir /w; wget -q -O /w/f http://host:${port}/; sha256sum /w/f; ` +
          'httpd -p 80 -h /w; nc -l -p 99; poweroff',
      ),
      guest(
        network,
        `${address(2)}; until wget -q -O /f http://10.0.9.1/f; do sleep 1; done; sha256sum /f; ` +
          'ping -c 3 10.0.9.1; sleep 1; echo | nc 10.0.9.1 99; poweroff',
      ),
    ]);
    server.close();
    const sum = createHash('sha256').update(body).digest('hex');
    expect(first).toContain(sum);
    expect(second).toContain(sum);
    expect(second).toContain('3 packets transmitted, 3 packets received');
  },
  300_000,
);

test.skipIf(isFetched)('no guest is here to be networked: run "npm run guests" on Debian first', (context) =>
  context.skip(),
);
