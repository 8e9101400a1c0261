/** What a PromQL expression asks for: the part of the language that dashboards and alerts use, and an error for any other. */
import assert from 'node:assert/strict';

export interface Selector {
  metric: string;
  /** Of its matchers: what they are compared with, by label. */
  matchers: Record<string, string>;
}

export interface Query {
  selectors: Selector[];
  /** Labels that the expression sums by. */
  by: string[];
}

const FUNCTIONS = new Set(['sum', 'max', 'rate', 'increase', 'histogram_quantile', 'clamp_min', 'min_over_time']);
const WORDS = new Set(['and', 'or', 'unless']);

const TOKEN =
  /\s+|(?<range>\[(\$\w+|\d+[smhd])\])|(?<string>"(?:[^"\\]|\\.)*")|(?<number>\d+(\.\d+)?)|(?<word>[a-zA-Z_:][\w:]*)|(?<sign>=~|!~|!=|==|>=|<=|[-+*/<>=(){},])/y;

interface Token {
  kind: string;
  text: string;
}

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(expression) ?? assert.fail(`PromQL: ${expression.slice(at)}`);
    const [kind, text] = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined) ?? [];
    if (kind !== undefined && text !== undefined) tokens.push({ kind, text });
  }
  return tokens;
}

export function query(expression: string): Query {
  const tokens = tokensOf(expression);
  const result: Query = { selectors: [], by: [] };
  let depth = 0;
  const peek = (): string | undefined => tokens[0]?.text;
  const next = (): Token => tokens.shift() ?? assert.fail(`PromQL ends early: ${expression}`);
  const expect = (text: string): void => assert.equal(next().text, text, expression);
  while (tokens.length > 0) {
    const { kind, text } = next();
    if (text === '(') depth += 1;
    else if (text === ')') depth -= 1;
    else if (text === 'by') {
      expect('(');
      do result.by.push(next().text);
      while (peek() === ',' && next());
      expect(')');
    } else if (kind === 'word' && !WORDS.has(text)) {
      if (FUNCTIONS.has(text)) continue;
      const selector: Selector = { metric: text, matchers: {} };
      if (peek() === '{') {
        do {
          next();
          const label = next().text;
          assert.match(next().text, /^(=|!=|=~|!~)$/, expression);
          selector.matchers[label] = JSON.parse(next().text);
        } while (peek() === ',');
        expect('}');
      }
      result.selectors.push(selector);
    }
    assert.ok(depth >= 0, expression);
  }
  assert.equal(depth, 0, expression);
  assert.ok(result.selectors.length > 0, expression);
  return result;
}
