// Everything that the core asks of its host: the only place with imported functions. It holds no logic.

/** Machine time in nanoseconds: monotonic, standing still while the machine is stopped. */
@external('env', 'now')
export declare function host_now(): u64;

/**
 * How far the VM that this instance serves lies above the first VM of the memory; 0 for that one. Constant for an
 * instance, so that a thread that serves two VMs of a memory has two instances.
 */
@external('env', 'base')
export declare const vm_base: u32;
