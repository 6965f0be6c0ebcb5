// The door of the core: what the Wasm module exports. It holds no machine state.
export { read_msr, write_msr } from './cpu/msr_table';
export * from './irqchip/index';
export { host_written } from './memory/slots';
export { create_vcpu, state_changed } from './run/calls';
export { reset_vcpu } from './run/reset';
export { run } from './run/run';
export { wipe } from './state/wipe';

/** Version of the core's exported interface. */
export function version(): i32 {
  return 1;
}
