// The door of the core: what the Wasm module exports. It holds no machine state.

export {
  compiled_call,
  compiled_carry,
  compiled_compare,
  compiled_condition,
  compiled_finish,
  compiled_flags,
  compiled_float,
  compiled_high,
  compiled_light,
  compiled_modify,
  compiled_opens,
  compiled_overflow,
  compiled_push,
  compiled_read,
  compiled_record,
  compiled_string,
  compiled_write,
  compiled_zero_product,
} from './exec/compiled';
export {
  compiled_x87,
  compiled_x87_compare,
  compiled_x87_one,
  compiled_x87_settle,
} from './exec/compiled_x87';
export { host_read_msr as read_msr, host_write_msr as write_msr } from './exec/msr_access';
export { x87_product, x87_product64, x87_quotient, x87_sum, x87_sum64 } from './exec/x87_scalar';
export { reference_time_moved } from './hyperv/reference_time';
export * from './irqchip/index';
export { host_written } from './memory/slots';
export { vcpu_waits } from './pv/steal_time';
export { create_vcpu, state_changed } from './run/calls';
export { reset_vcpu } from './run/reset';
export { run, run_served } from './run/run';
export { wipe } from './state/wipe';

/** Version of the core's exported interface. */
export function version(): i32 {
  return 1;
}
