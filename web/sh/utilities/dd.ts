// dd: blocks from a file to a file at any place of it. One block read is one write.

import { O_CREAT, O_TRUNC, O_WRONLY } from '../../fs/node.ts';
import { concatBytes } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { readSize } from './options.ts';

const OPERANDS = [
  'bs',
  'conv',
  'count',
  'ibs',
  'if',
  'iflag',
  'obs',
  'of',
  'oflag',
  'seek',
  'skip',
  'status',
];

function readOperands(call: Call): Map<string, string> {
  const operands = new Map<string, string>();
  for (const arg of call.args) {
    const at = arg.indexOf('=');
    const name = arg.slice(0, Math.max(0, at));
    if (!OPERANDS.includes(name)) throw new UtilityError(`unrecognized operand '${arg}'`);
    operands.set(name, arg.slice(at + 1));
  }
  return operands;
}

async function dd(call: Call): Promise<number> {
  const operands = readOperands(call);
  const number = (name: string, fallback: number): number => {
    const text = operands.get(name);
    if (text === undefined) return fallback;
    return text.split('x').every((part) => part !== '' && part !== '0') &&
      /^[0-9a-zA-Z]+x[0-9]/.test(text) &&
      !text.startsWith('0x')
      ? text.split('x').reduce((product, part) => product * readSize(part, 'number'), 1)
      : readSize(text, 'number');
  };
  const size = number('bs', number('ibs', 512));
  if (size === 0) throw new UtilityError("invalid number: '0'");
  const outSize = operands.has('bs') ? size : number('obs', 512);
  const conversions = (operands.get('conv') ?? '').split(',').filter((name) => name !== '');
  const unknown = conversions.find(
    (name) =>
      !['notrunc', 'sync', 'noerror', 'fsync', 'excl', 'nocreat', 'ucase', 'lcase', 'swab'].includes(name),
  );
  if (unknown !== undefined) throw new UtilityError(`invalid conversion: '${unknown}'`);
  const flags = (operands.get('iflag') ?? '').split(',');
  const isFull = flags.includes('fullblock');
  const skipBytes = number('skip', 0) * (flags.includes('skip_bytes') ? 1 : size);
  const limit = operands.has('count') ? number('count', 0) : Number.POSITIVE_INFINITY;
  const seekBytes = number('seek', 0) * ((operands.get('oflag') ?? '').includes('seek_bytes') ? 1 : outSize);

  const from = operands.get('if');
  const to = operands.get('of');
  const input = await call.open(from ?? '-');
  const output = to === undefined ? undefined : await openOutput(call, to, conversions, seekBytes);
  let [whole, part, wholeOut, partOut, bytesOut] = [0, 0, 0, 0, 0];
  let position = seekBytes;
  let waiting: Uint8Array = new Uint8Array(0);
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === outSize) wholeOut++;
    else partOut++;
    bytesOut += bytes.length;
    if (!output) await call.writeBytes(bytes);
    else if (output.stream.write) await output.stream.write(bytes, position, { signal: call.signal });
    position += bytes.length;
  };
  try {
    for (let left = skipBytes; left > 0; ) {
      const bytes = await call.read(input, Math.min(left, 65536));
      if (bytes.length === 0) break;
      left -= bytes.length;
    }
    while (whole + part < limit) {
      let bytes = await call.read(input, size);
      while (isFull && bytes.length > 0 && bytes.length < size) {
        const more = await call.read(input, size - bytes.length);
        if (more.length === 0) break;
        bytes = concatBytes([bytes, more]);
      }
      if (bytes.length === 0) break;
      if (bytes.length === size) whole++;
      else part++;
      bytes = convert(bytes, conversions, size);
      // Equal sizes pass blocks on as they came; otherwise they are put together anew.
      if (operands.has('bs')) await write(bytes);
      else {
        waiting = concatBytes([waiting, bytes]);
        while (waiting.length >= outSize) {
          await write(waiting.slice(0, outSize));
          waiting = waiting.slice(outSize);
        }
      }
    }
    if (waiting.length > 0) await write(waiting);
  } finally {
    await input.release();
    await output?.release();
  }
  const status = operands.get('status');
  if (status !== 'none') {
    await call.complain(`${whole}+${part} records in\n${wholeOut}+${partOut} records out\n`);
    if (status !== 'noxfer') await call.complain(`${bytesOut} bytes copied\n`);
  }
  return 0;
}

/** Opens the output: cut at the place where writing begins, unless conv=notrunc. */
async function openOutput(call: Call, name: string, conversions: readonly string[], seek: number) {
  const keeps = conversions.includes('notrunc');
  const creates = conversions.includes('nocreat') ? 0 : O_CREAT;
  const output = await call.open(name, O_WRONLY | creates | (keeps || seek > 0 ? 0 : O_TRUNC));
  if (!keeps && seek > 0) await output.stream.truncate?.(seek);
  return output;
}

function convert(bytes: Uint8Array, conversions: readonly string[], size: number): Uint8Array {
  let out = bytes;
  if (conversions.includes('sync') && out.length < size) {
    const padded = new Uint8Array(size);
    padded.set(out);
    out = padded;
  }
  if (conversions.includes('swab')) {
    out = out.slice();
    for (let at = 0; at + 1 < out.length; at += 2)
      [out[at], out[at + 1]] = [out[at + 1] as number, out[at] as number];
  }
  if (conversions.includes('ucase')) out = out.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte));
  if (conversions.includes('lcase')) out = out.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
  return out;
}

export const DD: Utility = {
  name: 'dd',
  usage: 'dd [if=file] [of=file] [bs=n] [count=n] [skip=n] [seek=n] [conv=notrunc,sync,...] [status=none]',
  run: dd,
};
