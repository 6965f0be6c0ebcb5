// The door of web/xinterface: guests as modules see them, and the handles that bind to them.

export type * from './guest_interface.ts';
export {
  type BoundGuest,
  bind,
  bindFor,
  type GuestHandle,
  GuestRegistry,
  handleOf,
  open,
  releaseDead,
  revoke,
} from './handle.ts';
export { SlotInterface } from './slot_interface.ts';
