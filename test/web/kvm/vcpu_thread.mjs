// A thread that runs one vCPU: enters the core again and again until it is asked to stop, after exits too if it is told so
// (`passExits`: stores to nowhere are lost). Plain JavaScript, because a
// worker of Node 20 loads no TypeScript.
import { parentPort, workerData } from 'node:worker_threads';

const { module, memory, page, budgetCode, passExits } = workerData;
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
const ports = {
  port_write: () => 0,
  port_read: () => -1,
  instance: 1,
  compile: () => 0,
  release() {},
  release_all() {},
};
const { run } = new WebAssembly.Instance(module, { env: { memory, base: 0, now, ...ports } }).exports;

parentPort.postMessage('ready');
const exitCode = 0;
let why = budgetCode;
while (why === budgetCode || (passExits && why === exitCode)) why = run(page, 0x4000_0000);
parentPort.postMessage(why);
