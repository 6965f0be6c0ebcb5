// One instruction to text, for the page and the worker of the iced test.
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';

export function disassemble(bytes: number[]): string {
  const decoder = new Decoder(32, new Uint8Array(bytes), DecoderOptions.None);
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Intel);
  return formatter.format(instruction);
}
