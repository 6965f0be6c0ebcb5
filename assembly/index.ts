// The door of the core: what the Wasm module exports. It holds no machine state.
export * from './irqchip/index';
export { host_written } from './memory/slots';
export { reset_vcpu } from './run/reset';
export { run } from './run/run';

/** Version of the core's exported interface. */
export function version(): i32 {
  return 1;
}
