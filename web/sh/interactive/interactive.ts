// A shell at a terminal: prompts, lines, their run, Ctrl-C. Keys come in as bytes and go out as bytes to draw, so it is
// the same in xterm and at a tty. What a terminal is beyond that (raw mode, size) is its owner's business.

import { forgetEnded, jobLine } from '../builtins/jobs.ts';
import { decodeText, encodeText, fromBytes, toBytes } from '../bytes.ts';
import { expandText } from '../expand/expand.ts';
import { Description } from '../run/descriptors.ts';
import { Exit } from '../run/flow.ts';
import type { Interpreter } from '../run/interpreter.ts';
import { Killed, SIGINT } from '../run/process.ts';
import type { Shell } from '../shell.ts';
import { Parser } from '../syntax/parser.ts';
import { SyntaxFault } from '../syntax/words.ts';
import { complete } from './completion.ts';
import { KeyReader } from './keys.ts';
import { LineEditor, type LineEnd } from './line_editor.ts';
import { Terminal } from './terminal.ts';

export interface InteractiveOptions {
  shell: Shell;
  /** Draws bytes on the terminal. */
  output: (bytes: Uint8Array) => void;
  /** Width in characters; 80 when left out. */
  columns?: number;
}

export class InteractiveShell {
  readonly #interpreter: Interpreter;
  readonly #output: (bytes: Uint8Array) => void;
  readonly #terminal: Terminal;
  readonly #editor: LineEditor;
  readonly #keys = new KeyReader();
  /** Lines of a command that is not complete yet. */
  #lines = '';
  /** Who has the keyboard: nobody yet, the prompt, or the command that runs. */
  #state: 'waiting' | 'prompt' | 'running' = 'waiting';
  /** Typed bytes that wait for the prompt. */
  #waiting = '';
  #isReading = false;
  #end: (status: number) => void = () => {};

  constructor({ shell, output, columns = 80 }: InteractiveOptions) {
    this.#interpreter = shell.interpreter;
    this.#output = output;
    this.#terminal = new Terminal((text) => this.#show(text));
    const { kernel } = this.#interpreter;
    this.resize(columns);
    this.#editor = new LineEditor({
      write: (text) => this.#show(text),
      columns: () => kernel.columns,
      history: kernel.history,
      complete: (line) => complete(this.#interpreter, line),
    });
  }

  /** The terminal has another width. */
  resize(columns: number): void {
    const { kernel, state } = this.#interpreter;
    kernel.columns = columns;
    state.variables.set('COLUMNS', String(columns));
    state.variables.mark('COLUMNS', 'isExported');
  }

  /** Shows the first prompt; the exit status when the shell has ended (`exit`, or ^D at the prompt). */
  async run(): Promise<number> {
    const { state, process } = this.#interpreter;
    state.options.add('i');
    process.isInteractive = true;
    for (const fd of [0, 1, 2]) state.fds.replace(fd, new Description(this.#terminal.stream));
    const ended = new Promise<number>((resolve) => {
      this.#end = resolve;
    });
    await this.#prompt();
    const status = await ended;
    this.#state = 'running';
    await state.fds.closeAll();
    return status;
  }

  /** Bytes from the keyboard. */
  input(bytes: Uint8Array): void {
    const text = fromBytes(bytes);
    if (this.#state !== 'running') {
      this.#waiting += text;
      void this.#read();
      return;
    }
    const at = text.lastIndexOf('\x03');
    if (at >= 0) {
      this.#show('^C\r\n');
      this.#terminal.takeTyped();
      const { processes } = this.#interpreter.kernel;
      processes.signalGroup(processes.foreground, SIGINT);
    }
    this.#terminal.type(text.slice(at + 1));
  }

  #show(text: string): void {
    this.#output(toBytes(text));
  }

  async #prompt(): Promise<void> {
    const interpreter = this.#interpreter;
    this.#state = 'waiting';
    if (this.#lines === '') await this.#tellJobs();
    const name = this.#lines === '' ? 'PS1' : 'PS2';
    const text = interpreter.parameter(name) ?? '';
    let prompt = text;
    try {
      prompt = await expandText(interpreter, Parser.document(text, interpreter.state.aliases));
    } catch {
      // A prompt that cannot be expanded is shown as it is.
    }
    this.#state = 'prompt';
    this.#editor.start(prompt);
    await this.#read();
  }

  /** Tells of jobs that have ended since the last prompt. */
  async #tellJobs(): Promise<void> {
    const ended = this.#interpreter.state.jobs.filter((job) => job.status !== undefined);
    for (const job of ended) this.#show(jobLine(this.#interpreter, job).replace('\n', '\r\n'));
    if (ended.length > 0) forgetEnded(this.#interpreter);
  }

  /** Gives waiting bytes to the editor, one key after the other, until a line is complete. */
  async #read(): Promise<void> {
    if (this.#isReading || this.#state !== 'prompt') return;
    this.#isReading = true;
    try {
      while (this.#waiting !== '' && this.#state === 'prompt') {
        // A byte at a time, so that what is behind an Enter is the command's; text goes in one piece.
        let length = 0;
        while (isText(this.#waiting[length])) length++;
        const bytes = this.#waiting.slice(0, Math.max(1, length));
        this.#waiting = this.#waiting.slice(bytes.length);
        for (const key of this.#keys.read(bytes)) {
          const end = await this.#editor.key(key);
          if (end) this.#finish(end);
        }
      }
    } finally {
      this.#isReading = false;
    }
  }

  #finish(end: LineEnd): void {
    this.#state = 'running';
    const { state } = this.#interpreter;
    if (end.kind === 'interrupt') {
      this.#lines = '';
      state.status = 130;
      void this.#prompt();
    } else if (end.kind === 'end-of-file') {
      if (this.#lines === '') void this.#leave(state.status);
      else {
        this.#lines = '';
        this.#show('Syntax error: end of file unexpected\r\n');
        void this.#prompt();
      }
    } else void this.#take(end.text);
  }

  /** Takes one more line: runs the command when it is complete, or asks for more. */
  async #take(line: string): Promise<void> {
    const { state, kernel } = this.#interpreter;
    this.#lines += `${line}\n`;
    if (line.trim() !== '' && kernel.history.at(-1) !== line) kernel.history.push(line);
    if (isUnfinished(this.#lines, state.aliases)) {
      void this.#prompt();
      return;
    }
    const text = this.#lines;
    this.#lines = '';
    const typed = this.#waiting;
    this.#waiting = '';
    if (typed !== '') this.input(toBytes(typed));
    const status = await this.#execute(text);
    if (status !== undefined) {
      await this.#leave(status);
      return;
    }
    this.#waiting = this.#terminal.takeTyped() + this.#waiting;
    void this.#prompt();
  }

  /** Runs a command; the status with which the shell ends, if it does. */
  async #execute(text: string): Promise<number | undefined> {
    const interpreter = this.#interpreter;
    const { state, process } = interpreter;
    let leaving: number | undefined;
    state.status = await interpreter.statusOf(async () => {
      try {
        const status = await interpreter.runText(text);
        await interpreter.runTraps();
        return status;
      } catch (end) {
        if (end instanceof Exit) leaving = end.status;
        if (end instanceof Killed && end.signal !== SIGINT) leaving = 128 + end.signal;
        throw end;
      }
    });
    process.revive();
    state.loops = 0;
    return leaving;
  }

  async #leave(status: number): Promise<void> {
    const interpreter = this.#interpreter;
    interpreter.state.status = status;
    this.#end(await interpreter.statusOf(() => interpreter.leave()));
  }

  /** Puts a command at the prompt and runs it, as if it had been typed. */
  type(command: string): void {
    this.input(toBytes(`${encodeText(command)}\r`));
  }

  /** The lines of the history, oldest first. */
  get history(): readonly string[] {
    return this.#interpreter.kernel.history.map(decodeText);
  }
}

const isText = (char: string | undefined): boolean => char !== undefined && char >= ' ' && char !== '\x7f';

/** Whether more lines could complete the text. */
function isUnfinished(text: string, aliases: ReadonlyMap<string, string>): boolean {
  if (/(^|[^\\])(\\\\)*\\\n$/.test(text)) return true;
  const parser = new Parser(text, aliases);
  try {
    parser.parseAll();
  } catch (fault) {
    return fault instanceof SyntaxFault && fault.unfinished;
  }
  return parser.isOpenDocument;
}
