/** The JSON Schema of a suite file, for editors: the suite's own schema with the parameters of every plug-in where they belong. */
import { z } from 'zod';
import { namesOf } from '../../models/index.ts';
import { recipeSchema } from './recipe.ts';
import type { Registry } from './registry.ts';
import { RESERVED, suiteSchema } from './schema.ts';
import { FRACTION } from './source/yaml.ts';

type Json = { [key: string]: unknown };

const asJson = (schema: z.ZodType): Json => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  return json;
};

/** An editor sees `8/255` as text: wherever a number may stand, so may a fraction. */
function withFractions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFractions);
  if (value === null || typeof value !== 'object') return value;
  const mapped = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withFractions(member)]));
  if (mapped.type !== 'number') return mapped;
  const { description, default: preset, ...number } = mapped;
  const about = { ...(description !== undefined && { description }), ...(preset !== undefined && { default: preset }) };
  return { ...about, anyOf: [number, { $ref: '#/$defs/fraction' }] };
}

interface Named {
  readonly name: string;
  readonly title: string;
  readonly params: z.ZodType;
}

/** A bare name, or an object with the plug-in's name, the suite's own keys and the plug-in's parameters. */
function entries(plugins: readonly Named[], reserved: z.ZodRawShape): Json {
  const own = asJson(z.strictObject(reserved)).properties as Json;
  const objects = plugins.map(({ name, title, params }) => ({
    type: 'object',
    title,
    properties: { ...(asJson(params).properties as Json), ...own, name: { const: name } },
    required: ['name'],
    additionalProperties: false,
  }));
  return { type: 'array', items: { anyOf: [{ type: 'string', enum: plugins.map((p) => p.name) }, ...objects] } };
}

export function suiteJsonSchema(registry: Registry): Json {
  const suite = asJson(suiteSchema) as { properties: Json } & Json;
  const properties: Json = {
    ...suite.properties,
    datasets: { ...entries([...registry.datasets.values()], RESERVED.datasets), minItems: 1 },
    defenses: entries([...registry.defenses.values()], RESERVED.defenses),
    attacks: entries([...registry.attacks.values()], RESERVED.attacks),
    architectures: { type: 'array', items: { anyOf: [{ enum: namesOf(registry.families) }, { type: 'string' }] } },
    recipe: asJson(recipeSchema),
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Rampart suite',
    $defs: { fraction: { type: 'string', pattern: FRACTION, description: 'A fraction, such as 8/255' } },
    ...(withFractions({ ...suite, properties }) as Json),
  };
}
