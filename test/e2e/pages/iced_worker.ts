// The worker of the iced test: answers bytes with their instruction.
import { disassemble } from './disassemble.ts';

addEventListener('message', (event: MessageEvent<number[]>) => postMessage(disassemble(event.data)));
