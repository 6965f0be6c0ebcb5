// The door of the core: what the Wasm module exports. It holds no machine state.
export { host_written } from './memory/slots';
export { run } from './run/run';
export { reset_vcpu } from './run/reset';

/** Version of the core's exported interface. */
export function version(): i32 {
  return 1;
}
