/** What a reader draws is painted as the data set paints: figures that its classes are, strokes, and its backgrounds. */
import { expect, it } from 'vitest';
import { type Drawing, figuresOf, paint } from '../../browser/drawing.ts';
import { FIGURES } from '../../datasets/figures.ts';
import { shapes } from '../../datasets/shapes.ts';

const GREY = [0.2, 0.2, 0.2] as const;
const RED = [1, 0, 0] as const;
const plain = (rest: Partial<Drawing>) => paint({ ground: GREY, strokes: [], ...rest });
const figure = (name: string, more = {}) => ({ name, centre: [16, 16] as const, radius: 8, degrees: 0, ink: RED, ...more });

/** `1` where a pixel `[y][x]` is of the ink, `0` where it is of the ground, `.` between. */
const rows = (pixels: Float32Array) =>
  Array.from({ length: 32 }, (_, y) =>
    Array.from({ length: 32 }, (_, x) => ({ [Math.fround(51 / 255)]: '0', 1: '1' })[pixels[3 * (32 * y + x)] as number] ?? '.').join(''),
  );

it('paints a square from corner to corner, in its colour', () => {
  // three quarters of the radius to each side: from 10 to 22
  const inside = `${'0'.repeat(10)}${'1'.repeat(12)}${'0'.repeat(10)}`;
  const expected = Array.from({ length: 32 }, (_, y) => (y >= 10 && y < 22 ? inside : '0'.repeat(32)));
  const pixels = plain({ figure: figure('square') });
  expect(rows(pixels)).toEqual(expected);
  expect([...pixels.subarray(3 * (32 * 16 + 16), 3 * (32 * 16 + 16) + 3)]).toEqual([...RED]);
  expect([...pixels.subarray(0, 3)].map((v) => Math.round(255 * v))).toEqual([51, 51, 51]);
});

it('moves, scales and turns it clockwise', () => {
  const moved = rows(plain({ figure: figure('square', { centre: [8, 20], radius: 4 }) }));
  expect(moved[19]).toBe(`${'0'.repeat(5)}${'1'.repeat(6)}${'0'.repeat(21)}`);
  expect(moved.map((row) => row.includes('1'))).toEqual(Array.from({ length: 32 }, (_, y) => y >= 17 && y < 23));
  const up = rows(plain({ figure: figure('arrow') }));
  const right = rows(plain({ figure: figure('arrow', { degrees: 90 }) }));
  // a pixel (x, y) of the one is (31 - y, x) of the other
  expect(right).toEqual(up.map((_, y) => Array.from({ length: 32 }, (_, x) => up[31 - x]?.[y]).join('')));
  expect(right).not.toEqual(up);
});

it('draws strokes over it in order: a dot, and a line with round ends', () => {
  const dot = rows(plain({ strokes: [{ points: [[16, 16]], radius: 3, ink: RED }] }));
  expect(dot[15]).toBe(`${'0'.repeat(13)}${'1'.repeat(6)}${'0'.repeat(13)}`);
  const line = plain({
    figure: figure('square'),
    strokes: [
      {
        points: [
          [4, 8],
          [12, 8],
          [28, 8],
        ],
        radius: 2,
        ink: RED,
      },
      { points: [[16, 16]], radius: 1.5, ink: GREY },
    ],
  });
  expect(rows(line)[7]).toBe(`00.${'1'.repeat(26)}.00`);
  expect(rows(line)[15]?.slice(13, 19)).toBe('1.00.1');
});

it('paints a background as the data set does, the same for the same number', () => {
  const [first, again, other] = [1, 1, 2].map((ground) => paint({ ground, strokes: [] })) as [Float32Array, Float32Array, Float32Array];
  expect(first).toEqual(again);
  expect(first).not.toEqual(other);
  for (const pixels of [first, other]) {
    expect(pixels.every((v) => v >= 0 && v <= 1 && Number.isInteger(Math.round(255 * v * 1e4) / 1e4))).toBe(true);
    expect(new Set(pixels).size).toBeGreaterThan(20);
  }
});

it('knows the figures of the data set, each of which can be seen', () => {
  expect(figuresOf(shapes.name)).toEqual(FIGURES.map(([name]) => name));
  expect(figuresOf('cifar10')).toEqual([]);
  const seen = figuresOf('shapes').map((name) => rows(plain({ figure: figure(name) })).join('\n'));
  expect(new Set(seen).size).toBe(10);
  for (const picture of seen) expect(picture).toContain('1');
});

it('stays in [0,1] at its borders and beyond', () => {
  for (const centre of [
    [0, 0],
    [32, 32],
    [40, -3],
  ] as const) {
    const pixels = paint({
      ground: 7,
      figure: figure('disc', { centre, radius: 16 }),
      strokes: [{ points: [centre], radius: 6, ink: RED }],
    });
    expect(pixels).toHaveLength(3072);
    expect(pixels.every((v) => v >= 0 && v <= 1)).toBe(true);
  }
});
