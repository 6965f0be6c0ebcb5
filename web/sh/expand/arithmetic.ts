// `$(( ))`: C's integer expressions in 64 bits (POSIX XCU 2.6.4), with ++, -- and the comma as in C. It reads and writes
// variables through two functions and knows nothing else of the shell.

/** What an expression needs of the shell. */
export interface ArithmeticVariables {
  get(name: string): string;
  set(name: string, value: string): void;
}

/** The expression cannot be read or worked out; the sentence says why. */
export class ArithmeticFault extends Error {}

/** A place in the expression: its value, and its name if it is a variable. */
interface Operand {
  value: bigint;
  name?: string;
}

const TOKEN =
  /\s*(0[xX][0-9a-fA-F]+|[0-9]+|[A-Za-z_][A-Za-z0-9_]*|<<=|>>=|\+\+|--|&&|\|\||[-+*/%&|^=!<>]=|<<|>>|[-+*/%&|^=!<>~?:(),])/y;
/** Binary operators by how tightly they bind, loosest first. */
const LEVELS = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const ASSIGNMENTS = new Set(['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
const truth = (value: boolean): bigint => (value ? 1n : 0n);

const LARGEST = 0x7fff_ffff_ffff_ffffn;

/** A number in C's notation, as a variable may hold one; undefined when it is none. Out of 64 bits: the nearest in them. */
export function parseNumber(text: string): bigint | undefined {
  const found = /^\s*([-+]?)\s*(0[xX][0-9a-fA-F]+|[0-9]+)\s*$/.exec(text);
  const digits = found?.[2];
  if (digits === undefined) return undefined;
  if (/^0[0-9]/.test(digits) && /[89]/.test(digits)) return undefined;
  const value = BigInt(/^0[0-9]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (found?.[1] === '-') return value > LARGEST ? -LARGEST - 1n : -value;
  return value > LARGEST ? LARGEST : value;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) {
      if (text.slice(from).trim() === '') break;
      throw new ArithmeticFault(`arithmetic expression: expecting primary: "${text}"`);
    }
    tokens.push(found[1] as string);
  }
  return tokens;
}

function binary(operator: string, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
    case '%':
      if (right === 0n) throw new ArithmeticFault('arithmetic expression: division by zero');
      return operator === '/' ? left / right : left % right;
    case '<<':
      return left << (right & 63n);
    case '>>':
      return left >> (right & 63n);
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '==':
      return truth(left === right);
    case '!=':
      return truth(left !== right);
    case '<':
      return truth(left < right);
    case '<=':
      return truth(left <= right);
    case '>':
      return truth(left > right);
    default:
      return truth(left >= right);
  }
}

class Evaluator {
  private at = 0;
  /** Above 0 in an operand that is not taken (`0 && x`): nothing is divided or assigned there. */
  private skipping = 0;
  private readonly tokens: string[];

  constructor(
    private readonly text: string,
    private readonly variables: ArithmeticVariables,
  ) {
    this.tokens = tokensOf(text);
  }

  evaluate(): bigint {
    if (this.tokens.length === 0) return 0n;
    const value = this.comma();
    if (this.at < this.tokens.length) throw this.fault('expecting EOF');
    return value;
  }

  private fault(what: string): ArithmeticFault {
    return new ArithmeticFault(`arithmetic expression: ${what}: "${this.text}"`);
  }

  private take(text: string): boolean {
    if (this.tokens[this.at] !== text) return false;
    this.at++;
    return true;
  }

  private comma(): bigint {
    let value = this.assignment().value;
    while (this.take(',')) value = this.assignment().value;
    return value;
  }

  private assignment(): Operand {
    const left = this.conditional();
    const operator = this.tokens[this.at] ?? '';
    if (!ASSIGNMENTS.has(operator)) return left;
    if (left.name === undefined) throw this.fault('assignment to no variable');
    this.at++;
    const right = this.assignment().value;
    return {
      value: this.assign(
        left.name,
        operator === '=' ? right : this.apply(operator.slice(0, -1), left.value, right),
      ),
    };
  }

  private assign(name: string, value: bigint): bigint {
    const result = wrap(value);
    if (this.skipping === 0) this.variables.set(name, result.toString());
    return result;
  }

  private apply(operator: string, left: bigint, right: bigint): bigint {
    return this.skipping > 0 ? 0n : wrap(binary(operator, left, right));
  }

  /** An operand that is only looked at when it is `taken`. */
  private taken(taken: boolean, operand: () => bigint): bigint {
    if (!taken) this.skipping++;
    const value = operand();
    if (!taken) this.skipping--;
    return value;
  }

  private conditional(): Operand {
    const condition = this.level(0);
    if (!this.take('?')) return condition;
    const isTrue = condition.value !== 0n;
    const yes = this.taken(isTrue, () => this.comma());
    if (!this.take(':')) throw this.fault("expecting ':'");
    const no = this.taken(!isTrue, () => this.assignment().value);
    return { value: isTrue ? yes : no };
  }

  private level(index: number): Operand {
    const operators = LEVELS[index];
    if (operators === undefined) return this.unary();
    let left = this.level(index + 1);
    for (;;) {
      const operator = this.tokens[this.at] ?? '';
      if (!operators.includes(operator)) return left;
      this.at++;
      if (operator === '&&' || operator === '||') {
        const decides = (left.value !== 0n) === (operator === '||');
        const right = this.taken(!decides, () => this.level(index + 1).value);
        left = { value: truth(decides ? operator === '||' : right !== 0n) };
      } else left = { value: this.apply(operator, left.value, this.level(index + 1).value) };
    }
  }

  private unary(): Operand {
    const operator = this.tokens[this.at] ?? '';
    if (operator === '++' || operator === '--') {
      this.at++;
      const operand = this.unary();
      const step = operator === '++' ? 1n : -1n;
      if (operand.name !== undefined) return { value: this.assign(operand.name, operand.value + step) };
      return { value: operand.value };
    }
    if (operator === '' || !'+-!~'.includes(operator)) return this.postfix();
    this.at++;
    const { value } = this.unary();
    if (operator === '-') return { value: wrap(-value) };
    if (operator === '!') return { value: truth(value === 0n) };
    return { value: operator === '~' ? ~value : value };
  }

  private postfix(): Operand {
    const operand = this.primary();
    const operator = this.tokens[this.at];
    if (operand.name === undefined || (operator !== '++' && operator !== '--')) return operand;
    this.at++;
    this.assign(operand.name, operand.value + (operator === '++' ? 1n : -1n));
    return { value: operand.value };
  }

  private primary(): Operand {
    const token = this.tokens[this.at++] ?? '';
    if (token === '(') {
      const value = this.comma();
      if (!this.take(')')) throw this.fault("expecting ')'");
      return { value };
    }
    if (/^[0-9]/.test(token)) {
      const value = parseNumber(token);
      if (value === undefined) throw this.fault('Illegal number');
      return { value };
    }
    if (!/^[A-Za-z_]/.test(token)) throw this.fault('expecting primary');
    if (this.skipping > 0) return { value: 0n, name: token };
    const text = this.variables.get(token);
    const value = text.trim() === '' ? 0n : parseNumber(text);
    if (value === undefined) throw new ArithmeticFault(`Illegal number: ${text}`);
    return { value, name: token };
  }
}

/** The value of an expression, wrapped to 64 bits. Throws ArithmeticFault. */
export function evaluateArithmetic(text: string, variables: ArithmeticVariables): bigint {
  return new Evaluator(text, variables).evaluate();
}
