// Design tokens as numbers, for what CSS cannot paint (canvas, terminal). The tokens live in styles/tokens.css.

export type Rgb = readonly [red: number, green: number, blue: number];

/** The colour that a token has on this element now, theme applied. */
export function tokenColor(host: Element, token: string): Rgb {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  probe.hidden = true;
  host.append(probe);
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
  probe.remove();
  return [red, green, blue];
}

/** The colour `part` (0 to 1) of the way from one to another. */
export function mix(from: Rgb, to: Rgb, part: number): Rgb {
  const between = (index: 0 | 1 | 2) => from[index] + (to[index] - from[index]) * part;
  return [between(0), between(1), between(2)];
}

/** A colour as CSS writes it. */
export function css([red, green, blue]: Rgb): string {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}
