/** Hue, saturation and value of a colour, all in [0,1], Smith 1978. */

type Triple = readonly [number, number, number];

export function rgbToHsv([r, g, b]: Triple): Triple {
  const v = Math.max(r, g, b);
  const range = v - Math.min(r, g, b);
  if (range === 0) return [0, 0, v];
  const sixths = b === v ? 4 + (r - g) / range : g === v ? 2 + (b - r) / range : (g - b) / range;
  const hue = sixths / 6;
  return [hue - Math.floor(hue), range / v, v];
}

export function hsvToRgb([h, s, v]: Triple): Triple {
  const sector = Math.floor(h * 6);
  const f = h * 6 - sector;
  const [p, q, t] = [v * (1 - s), v * (1 - f * s), v * (1 - (1 - f) * s)];
  const all: readonly Triple[] = [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ];
  return all[sector % 6] as Triple;
}
