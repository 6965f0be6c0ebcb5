// The tree that the parser makes of a script (POSIX XCU 2.10). Types only.

/** A piece of a word. `literal` is unquoted text, `quoted` is text whose characters mean nothing special. */
export type Part =
  | { kind: 'literal'; text: string }
  | { kind: 'quoted'; text: string }
  | { kind: 'double'; parts: Part[] }
  | Parameter
  | { kind: 'substitution'; body: Node | undefined }
  | { kind: 'arithmetic'; parts: Part[] };

/** `${name operator word}`; `bad` is a substitution that is refused when it is reached, as dash does. */
export interface Parameter {
  kind: 'parameter';
  name: string;
  operator: '' | 'length' | 'bad' | '-' | '=' | '?' | '+' | '%' | '%%' | '#' | '##';
  /** `:` before the operator: an empty value counts as unset. */
  colon: boolean;
  word: Word | undefined;
}

export interface Word {
  parts: Part[];
  /** The word's one field when it needs no expansion at all. */
  literal: string | undefined;
}

export interface Redirect {
  /** The descriptor it changes. */
  fd: number;
  operator: '<' | '>' | '>>' | '>|' | '<>' | '<&' | '>&' | '<<' | '<<<';
  /** A file's name, a descriptor, or the text of a here-document. */
  target: Word;
}

export interface Assignment {
  name: string;
  value: Word;
}

export interface SimpleCommand {
  kind: 'command';
  assignments: Assignment[];
  words: Word[];
  redirects: Redirect[];
  line: number;
}

export interface CaseItem {
  patterns: Word[];
  body: Node | undefined;
}

export type Node =
  | SimpleCommand
  | { kind: 'pipeline'; commands: Node[]; negate: boolean }
  | { kind: 'and' | 'or'; left: Node; right: Node }
  | { kind: 'sequence'; items: Node[] }
  | { kind: 'background'; body: Node; text: string }
  | { kind: 'subshell'; body: Node }
  | { kind: 'redirected'; body: Node; redirects: Redirect[] }
  | { kind: 'if'; condition: Node; then: Node; otherwise: Node | undefined }
  | { kind: 'loop'; until: boolean; condition: Node; body: Node }
  | { kind: 'for'; name: string; words: Word[] | undefined; body: Node }
  | { kind: 'case'; subject: Word; items: CaseItem[] }
  | { kind: 'function'; name: string; body: Node };
