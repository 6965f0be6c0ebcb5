// Everything that the core asks of its host: the only place with imported functions. It holds no logic.

/** Machine time in nanoseconds: monotonic, standing still while the machine is stopped. */
@external('env', 'now')
export declare function host_now(): u64;

/**
 * A write of 1, 2 or 4 bytes to a port, which the run page describes: 1 when a device on this thread has taken it, 0 when
 * the vCPU must exit. Called under `run_served` only.
 */
@external('env', 'port_write')
export declare function host_port_write(port: u32, bytes: u32, value: u32): u32;

/** A read, as above: its value, unsigned, or -1 when the vCPU must exit. */
@external('env', 'port_read')
export declare function host_port_read(port: u32, bytes: u32): f64;

/**
 * How far the VM that this instance serves lies above the first VM of the memory; 0 for that one. Constant for an
 * instance, so that a thread that serves two VMs of a memory has two instances.
 */
@external('env', 'base')
export declare const vm_base: u32;

/** A number that no other instance of the core has, never 0. */
@external('env', 'instance')
export declare const host_instance: u32;

/** Compiles the module of `bytes` bytes at `at` for a vCPU: the place of its function in the core's table, 0 when that failed. */
@external('env', 'compile')
export declare function host_compile(v: u32, at: u32, bytes: u32): u32;

/** The vCPU's function at a place of the table is called no more. */
@external('env', 'release')
export declare function host_release(v: u32, slot: u32): void;

/** The same for all functions that this instance has compiled for the vCPU. */
@external('env', 'release_all')
export declare function host_release_all(v: u32): void;
