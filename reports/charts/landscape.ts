/** The margin around a model's images, along the way that the gradient says and along a random one. */
import { scaleLinear } from 'd3-scale';
import type { Measured } from '../../records/masking/diagnosis.ts';
import { radius } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { type Chart, chartOf } from './frame.ts';
import { lineChart } from './lines.ts';

/** Right in blue, an error in orange, each darker the further from the boundary. */
const shade = scaleLinear([-0.5, 0, 0, 0.5], ['#0b2f52', '#d5e6ef', '#fbe3c8', '#9c4a00']).clamp(true);

const hex = (rgb: string) => `#${(rgb.match(/\d+/g) ?? []).map((v) => Number(v).toString(16).padStart(2, '0')).join('')}`;

const told = ({ threat }: Measured) => `${threat.norm} ${radius(threat.eps)}`;

/** Mean margins over the images by the length of one step; none where the norm has no gradient steps. */
export function lineOfMargins(diagnosis: Measured, name: string, id: string): Chart | undefined {
  const { lines, images } = diagnosis;
  if (!lines) return undefined;
  const along = (values: readonly number[]) => lines.at.map((at, i) => [at, values[i] as number] as const);
  return lineChart({
    id: `${id}-margins`,
    title: `One step along the gradient and along a random direction: ${name}`,
    description: `Mean over ${images.length} images of the margin, the largest wrong logit minus the right one over the range of the logits, after one step of so many radii (${told(diagnosis)}). Above 0 is an error. Where gradients guide, the first line rises well above the second.`,
    x: { title: 'length of the step, in radii', key: 'length', ticks: lines.at },
    y: { title: 'margin', key: 'margin', percent: false },
    lines: [
      { name: 'along the gradient', points: along(lines.gradient), colour: 0 },
      { name: 'random direction', points: along(lines.random), colour: 1, dashed: true },
    ],
  });
}

const PLACE = 16;

/** The same over the plane of both directions, one picture per image. */
export function surfaceOfMargins(diagnosis: Measured, name: string, id: string): Chart | undefined {
  const { surfaces } = diagnosis;
  const [first] = surfaces ?? [];
  if (!surfaces || !first) return undefined;
  const side = PLACE * first.at.length;
  const [left, top] = [34, 24];
  const pitch = side + 24;
  const drawn = surfaces.map(({ image, at, values }, k) =>
    element(
      'g',
      { transform: `translate(${left + k * pitch} ${top})` },
      element('text', { x: side / 2, y: -8, 'text-anchor': 'middle' }, `image ${image}`),
      values.flatMap((row, i) =>
        row.map((value, j) =>
          element(
            'rect',
            { x: i * PLACE, y: (at.length - 1 - j) * PLACE, width: PLACE, height: PLACE, fill: hex(shade(value)) },
            element('title', {}, `margin ${value} at ${at[i]} radii along the gradient and ${at[j]} along the other`),
          ),
        ),
      ),
    ),
  );
  const [width, height] = [left + pitch * surfaces.length, top + side + 34];
  return chartOf(
    {
      id: `${id}-landscape`,
      title: `The margin around ${surfaces.length === 1 ? 'an image' : `${surfaces.length} images`}: ${name}`,
      description: `To the right along the gradient, up along a random direction, from one radius back to one ahead (${told(diagnosis)}); the image is in the middle. Blue is right, orange an error. An honest landscape is smooth and falls off to the right alone; a masked one is flat, or without order.`,
      width,
      height,
      columns: [
        { key: 'image', title: 'Image', kind: 'count' },
        { key: 'gradient', title: 'Along the gradient', kind: 'number' },
        { key: 'random', title: 'Along the other', kind: 'number' },
        { key: 'margin', title: 'Margin', kind: 'number' },
      ],
      rows: surfaces.flatMap(({ image, at, values }) =>
        values.flatMap((row, i) => row.map((value, j) => [image, at[i] as number, at[j] as number, value])),
      ),
    },
    drawn,
    element('text', { class: 'axis-title', x: left, y: height - 8 }, 'along the gradient →'),
    element('text', { class: 'axis-title', x: 0, y: 0, transform: `translate(16 ${top + side}) rotate(-90)` }, 'random direction →'),
  );
}
