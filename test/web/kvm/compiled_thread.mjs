// A thread that runs one vCPU with the product's own code, so that its regions are compiled: enters the core until an exit or a
// request. Vite's runner reads the TypeScript.
import { parentPort, workerData } from 'node:worker_threads';
import { runnerImport } from 'vite';

const { handle, id, budgetCode } = workerData;
const file = new URL('../../../web/kvm/index.ts', import.meta.url).pathname;
const { Vm } = (await runnerImport(file, { configFile: false, logLevel: 'silent' })).module;
const vcpu = Vm.attach(handle).vcpu(id);

parentPort.postMessage('ready');
let why = budgetCode;
while (why === budgetCode) why = vcpu.enter(0x4000_0000);
parentPort.postMessage(why);
