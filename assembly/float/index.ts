// The door of the floating-point core.
export * from './arith';
export * from './integer';
export * from './number';
export * from './pack';
export * from './round';
export * from './transcendental';
export * from './unpack';
