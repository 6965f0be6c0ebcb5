// Entry of the worker that runs a module in plain Wasm.
import { wasmModule } from './wasm_module.ts';
import { runModule } from './worker.ts';

runModule(wasmModule);
