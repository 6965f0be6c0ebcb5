// The version protocol of structs that the core writes while guests read them (kvmclock, steal time): odd = being written.

/** Makes a version (u32, where the guest has put it) odd: who reads the struct now reads it again. */
export function begin_update(version: u32): void {
  store<u32>(version, (load<u32>(version) + 1) | 1);
  atomic.fence();
}

/** Makes the version even: the struct is whole. */
export function end_update(version: u32): void {
  atomic.fence();
  store<u32>(version, load<u32>(version) + 1);
}
