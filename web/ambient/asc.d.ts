// The number types of AssemblyScript as tsc sees them, so that assembly/abi is read by both compilers.
// 64-bit types are absent on purpose: a constant that needs one is no plain number in TypeScript.

type i8 = number;
type i16 = number;
type i32 = number;
type u8 = number;
type u16 = number;
type u32 = number;
type isize = number;
type usize = number;
