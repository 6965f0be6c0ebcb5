// The one door to iced-x86 (its Encoder, Decoder, formatter and opcode tables). It holds no logic of ours.
// The npm package is a wasm-bindgen build for Node; a Vite plugin makes the same import work in a browser.

export type { OpCodeInfo } from 'iced-x86';
export {
  Code,
  CodeExt,
  Decoder,
  DecoderOptions,
  Encoder,
  EncodingKind,
  Formatter,
  FormatterSyntax,
  Instruction,
  MemorySize,
  MemorySizeExt,
  Mnemonic,
  OpCodeOperandKind,
  OpKind,
  Register,
  RoundingControl,
} from 'iced-x86';
