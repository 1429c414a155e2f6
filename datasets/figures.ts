/** Ten figures as tests of whether a point of their own frame, [-1,1] by [-1,1] with y downwards, lies inside. */

/** True inside the figure. Only operations that IEEE 754 rounds exactly, so that every machine draws the same. */
export type Figure = (x: number, y: number) => boolean;

/** Even-odd rule on a closed polygon given as x, y pairs. */
function polygon(...corners: readonly number[]): Figure {
  return (x, y) => {
    let inside = false;
    let xj = corners[corners.length - 2] as number;
    let yj = corners[corners.length - 1] as number;
    for (let i = 0; i < corners.length; i += 2) {
      const xi = corners[i] as number;
      const yi = corners[i + 1] as number;
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
      xj = xi;
      yj = yi;
    }
    return inside;
  };
}

const disc = (x: number, y: number, cx: number, radius: number) => (x - cx) * (x - cx) + y * y < radius * radius;

/** `(x^2 + y^2 - 1)^3 < x^2 y^3`, enlarged to fill the frame. */
function heart(x: number, y: number): boolean {
  const [u, v] = [1.15 * x, 0.1 - 1.15 * y];
  const r = u * u + v * v - 1;
  return r * r * r < u * u * v * v * v;
}

/** In the order of the labels. */
export const FIGURES: readonly (readonly [name: string, inside: Figure])[] = [
  ['disc', (x, y) => disc(x, y, 0, 0.85)],
  ['ring', (x, y) => disc(x, y, 0, 0.95) && !disc(x, y, 0, 0.55)],
  ['square', polygon(-0.75, -0.75, 0.75, -0.75, 0.75, 0.75, -0.75, 0.75)],
  ['triangle', polygon(0, -1, 0.95, 0.75, -0.95, 0.75)],
  ['cross', polygon(-0.3, -1, 0.3, -1, 0.3, -0.3, 1, -0.3, 1, 0.3, 0.3, 0.3, 0.3, 1, -0.3, 1, -0.3, 0.3, -1, 0.3, -1, -0.3, -0.3, -0.3)],
  [
    'star',
    polygon(
      ...[0, -1, 0.235, -0.324, 0.951, -0.309, 0.38, 0.124, 0.588, 0.809, 0, 0.4],
      ...[-0.588, 0.809, -0.38, 0.124, -0.951, -0.309, -0.235, -0.324],
    ),
  ],
  ['heart', heart],
  ['crescent', (x, y) => disc(x, y, 0, 0.95) && !disc(x, y, 0.45, 0.75)],
  ['arrow', polygon(0, -1, 0.85, -0.1, 0.3, -0.1, 0.3, 0.95, -0.3, 0.95, -0.3, -0.1, -0.85, -0.1)],
  ['hourglass', polygon(-0.8, -0.95, 0.8, -0.95, 0.12, 0, 0.8, 0.95, -0.8, 0.95, -0.12, 0)],
];
