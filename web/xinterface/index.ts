// The door of web/xinterface: guests as modules see them, the handles that bind to them, and address spaces.

export { type ErrnoName, isKvmError, KvmError } from '../kvm/abi/errno.ts';
export type { PinInfo } from '../kvm/index.ts';
export type * from './guest_interface.ts';
export {
  type BoundGuest,
  bind,
  bindFor,
  type GuestHandle,
  GuestRegistry,
  handleOf,
  open,
  pinOf,
  releaseDead,
  revoke,
} from './handle.ts';
export { type Restored, restore } from './migrate.ts';
export * from './remote/index.ts';
export { SlotInterface } from './slot_interface.ts';
export {
  type AddressSpace,
  type Region,
  type RegionRequest,
  slotsOf,
  Vas,
  type VasOptions,
  VasRegistry,
} from './vas.ts';
export { isVas, vasOf } from './vas_words.ts';
