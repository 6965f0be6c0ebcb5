// The door of web/kvm/abi: the tables of <linux/kvm.h> and the codec that reads them. It runs nothing.

export * from './capabilities.ts';
export * from './errno.ts';
export * from './exits.ts';
export * from './ioctls.ts';
export {
  decode,
  encode,
  encodeInto,
  type Field,
  type Input,
  type Leaf,
  leaves,
  type Struct,
  type Type,
  tailOf,
  type ValueOf,
  viewOf,
} from './layout.ts';
export * from './structs.ts';
