// The door of web/pci: the bus, functions and what they are built from. It makes nothing; the board wires them.

export { CONFIG_PORTS } from './config_ports.ts';
export { PciError } from './config_space.ts';
export * from './function.ts';
export { HOST_BRIDGE } from './host_bridge.ts';
export { type MessageRoute, PciBus, type PciOutlets, type PciPages } from './pci_bus.ts';
export { PciFunction } from './pci_function.ts';
export * from './wiring.ts';
