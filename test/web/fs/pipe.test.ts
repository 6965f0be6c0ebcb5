// Pipes: bounded, blocking both ways, with an end and a break.
import { describe, expect, test } from 'vitest';
import { O_NONBLOCK, PIPE_BUF, POLLERR, POLLHUP, POLLIN, POLLOUT, pipe } from '../../../web/fs/index.ts';
import { errno } from './behaviour.ts';

const bytes = (...values: number[]) => new Uint8Array(values);
const now = { timeout: 0 };

describe('a pipe', () => {
  test('gives what was put in, in order and in pieces', async () => {
    const { reader, writer } = pipe();
    await writer.write(bytes(1, 2, 3));
    await writer.write(bytes(4, 5));
    expect(await reader.read(4)).toEqual(bytes(1, 2, 3, 4));
    expect(await reader.read(4)).toEqual(bytes(5));
  });

  test('a read waits for a write, and a write for room', async () => {
    const { reader, writer } = pipe(PIPE_BUF);
    const read = reader.read(10);
    const written = writer.write(new Uint8Array(3 * PIPE_BUF).fill(9));
    expect((await read).length).toBe(10);
    let total = 10;
    while (total < 3 * PIPE_BUF) total += (await reader.read(1000)).length;
    expect(await written).toBe(3 * PIPE_BUF);
  });

  test('ends when the writer is closed and the buffer is empty', async () => {
    const { reader, writer } = pipe();
    await writer.write(bytes(1));
    await writer.close();
    expect(await reader.poll(POLLIN, now)).toBe(POLLIN | POLLHUP);
    expect(await reader.read(9)).toEqual(bytes(1));
    expect(await reader.read(9)).toEqual(bytes());
    expect(await reader.poll(0, now)).toBe(POLLHUP);
  });

  test('breaks for the writer when the reader is closed, even in the middle of a write', async () => {
    const { reader, writer } = pipe(PIPE_BUF);
    const written = errno(writer.write(new Uint8Array(2 * PIPE_BUF)));
    await reader.close();
    expect(await written).toBe('EPIPE');
    expect(await errno(writer.write(bytes(1)))).toBe('EPIPE');
    expect(await writer.poll(0, now)).toBe(POLLERR);
  });

  test('a waiting end wakes when the other is closed', async () => {
    const { reader, writer } = pipe();
    const read = reader.read(1);
    await writer.close();
    expect(await read).toEqual(bytes());
  });

  test('small writes are not mixed with others', async () => {
    const { reader, writer } = pipe(PIPE_BUF);
    await writer.write(new Uint8Array(PIPE_BUF - 2));
    const small = writer.write(bytes(1, 2, 3));
    expect(await writer.poll(POLLOUT, now)).toBe(0);
    await reader.read(PIPE_BUF);
    expect(await small).toBe(3);
    expect(await reader.read(PIPE_BUF)).toEqual(bytes(1, 2, 3));
  });

  test('a write that is given up says how far it came', async () => {
    const { writer } = pipe(PIPE_BUF);
    const giveUp = new AbortController();
    const written = writer.write(new Uint8Array(2 * PIPE_BUF), undefined, giveUp);
    giveUp.abort();
    expect(await written).toBe(PIPE_BUF);
    expect(await errno(writer.write(bytes(1), undefined, giveUp))).toBe('EINTR');
  });

  test('with O_NONBLOCK both ends answer EAGAIN', async () => {
    const { reader, writer } = pipe(PIPE_BUF, O_NONBLOCK);
    expect(await errno(reader.read(1))).toBe('EAGAIN');
    expect(await writer.write(new Uint8Array(PIPE_BUF + 1))).toBe(PIPE_BUF);
    expect(await errno(writer.write(bytes(1)))).toBe('EAGAIN');
  });
});
