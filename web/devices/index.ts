// The door of web/devices: buses, rings, devices. It makes nothing; a machine is put together in web/vmm.

export * from './bus.ts';
export * from './debug_exit.ts';
export * from './debugcon.ts';
export * from './delay_port.ts';
export {
  type A20Gate,
  type ByteSink,
  type ByteSource,
  type Clock,
  clearPage,
  DEVICE_KIND,
  DEVICE_PAGE_SIZE,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  devicePage,
  type Host,
  type IrqLine,
  kind,
  locked,
  NEVER,
  type Polled,
  type Registers,
} from './device.ts';
export * from './i8042.ts';
export * from './pm_timer.ts';
export * from './port92.ts';
export * from './post.ts';
export * from './power.ts';
export * from './reset_control.ts';
export * from './ring.ts';
export * from './rtc.ts';
export * from './serial.ts';
