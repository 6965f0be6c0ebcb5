// What the device tests wire devices to: lines, sinks, a clock and a host that remember. No device.

import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import ts from 'typescript';
import { type DevicePage, devicePage, Port92, type Serial } from '../../../web/devices/index.ts';

/** A zeroed page of its own shared memory. */
export function freshPage(): DevicePage {
  return devicePage(new SharedArrayBuffer(0x1000), 0);
}

/** An interrupt line that counts its rising edges. */
export class Line {
  level = false;
  edges = 0;
  set(level: boolean): void {
    if (level && !this.level) this.edges++;
    this.level = level;
  }
}

/** Bytes that came out. */
export class Output {
  readonly bytes: number[] = [];
  put(byte: number): void {
    this.bytes.push(byte);
  }
}

/** Bytes to go in. */
export class Input {
  readonly bytes: number[] = [];
  take(): number {
    return this.bytes.shift() ?? -1;
  }
}

/** Machine time that a test moves. */
export class Time {
  ns = 0n;
  now(): bigint {
    return this.ns;
  }
  pass(seconds: number): void {
    this.ns += BigInt(Math.round(seconds * 1e9));
  }
}

/** A host that remembers what it was asked. */
export class Asked {
  readonly wishes: string[] = [];
  powerOff(): void {
    this.wishes.push('power off');
  }
  reset(): void {
    this.wishes.push('reset');
  }
  exit(status: number): void {
    this.wishes.push(`exit ${status}`);
  }
}

/** A port 0x92 after reset, and its host. */
export function port92(): { readonly port: Port92; readonly host: Asked } {
  const host = new Asked();
  const port = new Port92(freshPage(), { host });
  port.reset();
  return { port, host };
}

/** Reads a serial port's IIR cause bits. */
export function causeOf(serial: Serial): number {
  return serial.read(2, 1) & 0x0f;
}

/** Runs `code` after web/devices/`file` in a thread of its own, with `buffer` as its workerData; resolves at its end. */
export function inThread(file: string, code: string, buffer: ArrayBufferLike): Promise<void> {
  const source = readFileSync(new URL(`../../../web/devices/${file}`, import.meta.url), 'utf8');
  const script = ts.transpile(source, { target: ts.ScriptTarget.ES2022 }).replaceAll(/^export /gm, '');
  const worker = new Worker(`${script}\nconst { workerData } = require('node:worker_threads');\n${code}`, {
    eval: true,
    workerData: buffer,
  });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}
