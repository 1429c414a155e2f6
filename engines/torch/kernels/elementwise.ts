/** Unary and binary kernels, casts and choices. */
import type { tf } from '../../../tensor/tf.ts';
import type { Ops } from '../binding.ts';
import { kernel } from '../kernel.ts';

type NamesOf<F> = { [K in keyof Ops]: Ops[K] extends F ? (F extends Ops[K] ? K : never) : never }[keyof Ops];
type UnaryName = NamesOf<Ops['abs']>;
type BinaryName = NamesOf<Ops['add']>;

const unary: Record<string, UnaryName> = {
  Abs: 'abs',
  Acos: 'acos',
  Acosh: 'acosh',
  Asin: 'asin',
  Asinh: 'asinh',
  Atan: 'atan',
  Atanh: 'atanh',
  Ceil: 'ceil',
  ComplexAbs: 'abs',
  Cos: 'cos',
  Cosh: 'cosh',
  Elu: 'elu',
  Erf: 'erf',
  Exp: 'exp',
  Expm1: 'expm1',
  Floor: 'floor',
  IsFinite: 'isFinite',
  IsInf: 'isInf',
  IsNan: 'isNan',
  Log: 'log',
  Log1p: 'log1p',
  LogicalNot: 'logicalNot',
  Neg: 'neg',
  Reciprocal: 'reciprocal',
  Relu: 'relu',
  Relu6: 'relu6',
  Round: 'round',
  Rsqrt: 'rsqrt',
  Selu: 'selu',
  Sigmoid: 'sigmoid',
  Sign: 'sign',
  Sin: 'sin',
  Sinh: 'sinh',
  Softplus: 'softplus',
  Sqrt: 'sqrt',
  Square: 'square',
  Tan: 'tan',
  Tanh: 'tanh',
};

const binary: Record<string, BinaryName> = {
  Add: 'add',
  Atan2: 'atan2',
  BitwiseAnd: 'bitwiseAnd',
  Equal: 'equal',
  FloorDiv: 'floorDiv',
  Greater: 'greater',
  GreaterEqual: 'greaterEqual',
  Less: 'less',
  LessEqual: 'lessEqual',
  LogicalAnd: 'logicalAnd',
  LogicalOr: 'logicalOr',
  LogicalXor: 'logicalXor',
  Maximum: 'maximum',
  Minimum: 'minimum',
  Mod: 'mod',
  Multiply: 'mul',
  NotEqual: 'notEqual',
  Pow: 'pow',
  RealDiv: 'div',
  SquaredDifference: 'squaredDifference',
  Sub: 'sub',
};

export const elementwise: tf.KernelConfig[] = [
  ...Object.entries(unary).map(([name, op]) => kernel(name, ({ ops, slot, inputs }) => ops[op](slot('input' in inputs ? 'input' : 'x')))),
  ...Object.entries(binary).map(([name, op]) => kernel(name, ({ ops, slot }) => ops[op](slot('a'), slot('b')))),
  kernel('Prelu', ({ ops, slot }) => ops.prelu(slot('x'), slot('alpha'))),
  kernel('EluGrad', ({ ops, slot }) => ops.eluGrad(slot('dy'), slot('y'))),
  kernel('Complex', ({ ops, slot }) => ops.complex(slot('real'), slot('imag'))),
  kernel('Real', ({ ops, slot }) => ops.real(slot('input'))),
  kernel('Imag', ({ ops, slot }) => ops.imag(slot('input'))),
  kernel<{ clipValueMin: number; clipValueMax: number }>('ClipByValue', ({ ops, slot, attrs }) =>
    ops.clip(slot('x'), attrs.clipValueMin, attrs.clipValueMax),
  ),
  kernel<{ alpha: number }>('LeakyRelu', ({ ops, slot, attrs }) => ops.leakyRelu(slot('x'), attrs.alpha)),
  kernel<{ alpha: number }>('Step', ({ ops, slot, attrs }) => ops.step(slot('x'), attrs.alpha)),
  kernel<{ dtype: string }>('Cast', ({ ops, slot, attrs }) => ops.cast(slot('x'), attrs.dtype)),
  kernel('Select', ({ ops, slot }) => ops.select(slot('condition'), slot('t'), slot('e'))),
  kernel('AddN', ({ ops, slots }) => ops.addMany(slots())),
];
