// The door of the core: what the Wasm module exports. It holds no machine state.

/** Version of the core's exported interface. */
export function version(): i32 {
  return 1;
}
