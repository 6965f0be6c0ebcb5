// The door of web/pci: functions and what they are built from. It makes nothing; the board wires them.

export * from './function.ts';
