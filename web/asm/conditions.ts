// The questions that %if, %ifdef, %ifidn and their kin ask. It skips no lines; the preprocessor does that.

import { type Defines, spelling, splitCommas, unparam } from './define.ts';
import { errorAt } from './errors.ts';
import type { Token } from './token.ts';

/** What a condition may look at. */
export interface ConditionHost {
  readonly defines: Defines;
  hasMacro(name: string): boolean;
  /** The name of the innermost %push context. */
  context(): string | undefined;
  number(tokens: readonly Token[]): bigint;
}

/** Answers conditions by the name after `%if` or `%elif`. */
export class Conditions {
  private readonly host: ConditionHost;

  constructor(host: ConditionHost) {
    this.host = host;
  }

  /** `kind` is what follows `if`: '' for %if, 'ndef' for %ifndef and so on. */
  holds(kind: string, head: Token, tokens: readonly Token[]): boolean {
    const asked = this.ask(kind, head, tokens);
    if (asked !== undefined) return asked;
    const negated = kind.startsWith('n') ? this.ask(kind.slice(1), head, tokens) : undefined;
    if (negated === undefined)
      throw errorAt(head, `'${head.text}' is not a condition; use %if, %ifdef, %ifndef, %ifidn or %ifnum.`);
    return !negated;
  }

  private ask(kind: string, head: Token, tokens: readonly Token[]): boolean | undefined {
    const { defines } = this.host;
    const expanded = () => defines.expand(unparam(tokens));
    switch (kind) {
      case '':
        if (tokens.length === 0)
          throw errorAt(head, `${head.text} needs an expression, such as %if COUNT > 3.`);
        return this.host.number(tokens) !== 0n;
      case 'def':
        return tokens.some((token) => token.kind === 'id' && defines.find(token.text) !== undefined);
      case 'macro':
        return tokens[0] !== undefined && this.host.hasMacro(tokens[0].text);
      case 'ctx':
        return this.host.context() === (tokens[0]?.text ?? '');
      case 'env':
        return false;
      case 'empty':
        return expanded().length === 0;
      case 'idn':
      case 'idni': {
        const [left = [], right = []] = splitCommas(expanded()).map((part) => part.map(spelling).join(' '));
        const fold = (text: string | never[]) =>
          kind === 'idni' ? String(text).toLowerCase() : String(text);
        return fold(left) === fold(right);
      }
      case 'num': {
        const all = expanded();
        const digits = all[0]?.kind === 'op' && '+-'.includes(all[0].text) ? all.slice(1) : all;
        return digits.length === 1 && digits[0]?.kind === 'number';
      }
      case 'str':
        return single(expanded(), 'string');
      case 'id':
        return single(expanded(), 'id');
      case 'token':
        return expanded().length === 1;
      default:
        return undefined;
    }
  }
}

function single(tokens: readonly Token[], kind: Token['kind']): boolean {
  return tokens.length === 1 && tokens[0]?.kind === kind;
}
