"""Distances of sigma-zero by its authors' code on the golden model and images, and how far rounding alone takes that code from itself.

usage: sigma_zero_peer.py sigma_zero_attack.py out.json [steps,...] [kind,...]

Runs `sigma_zero` of github.com/sigma0-advx/sigma-zero on the images of test/golden/batch.safetensors that `model.safetensors` has right, one thread.
Of each number of steps `sigma_zero_L0_<steps>` has the values changed per image: 0 where it is wrong at first, null where no error was found. The
other kinds are the same run with nothing but its rounding changed: `double` in float64, `nudged` with noise of at most 1e-7 on the images, `plain`
without oneDNN. `sigma_zero_given` has every step of the longest run, in float64, on a model whose gradients are given.
"""
import importlib.util
import json
import os
import sys
import types

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import resnet_tiny  # noqa: E402


def difference_of_logits(logits, labels):
    """The one function that the authors' file takes from elsewhere: the true logit minus the largest other."""
    right = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    return logits[right] - logits.masked_fill(right, float('-inf')).amax(1)


def authors(path):
    losses = types.ModuleType('adv_lib.utils.losses')
    losses.difference_of_logits = difference_of_logits
    sys.modules.update({'adv_lib': types.ModuleType('adv_lib'), 'adv_lib.utils': types.ModuleType('adv_lib.utils'), losses.__name__: losses})
    spec = importlib.util.spec_from_file_location('sigma_zero_attack', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sigma_zero


KINDS = {'single': torch.float32, 'double': torch.float64, 'nudged': torch.float32, 'plain': torch.float32}


def nudged(images):
    """Moved by less than half of what float32 resolves near 1 and a few times what it resolves near 0, inside the box."""
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0), dtype=images.dtype)
    return (images + 1e-7 * (2 * noise - 1)).clamp(0, 1)


def distances(attack, steps, images, labels, kind):
    model = resnet_tiny.load().eval().to(KINDS[kind])
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    every = images.to(KINDS[kind]) / 255
    if kind == 'nudged':
        every = nudged(every)
    with torch.backends.mkldnn.flags(enabled=kind != 'plain'):
        right = model(every).argmax(1) == labels
        x, y = every[right], labels[right]
        found = attack(model, x, y, steps=steps)
        wrong = model(found).argmax(1) != y
    changed = (found - x).flatten(1).ne(0).sum(1)
    of_right = iter([int(d) if w else None for d, w in zip(changed, wrong)])
    return [next(of_right) if r else 0 for r in right]


def draw(i):
    """An integer below 32768, the same in every language."""
    return (i * 1103515245 + 12345) % 2**31 // 2**16


class Given(torch.nn.Module):
    """Three linear classes over 48 values, others at every call: weights in 2048ths, whose differences, the gradients, float32 has without rounding."""

    def __init__(self, table):
        super().__init__()
        self.table = torch.tensor(table, dtype=torch.float64) / 128
        self.place = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.seen = []

    def weights(self, call):
        return (self.table + self.table.roll(-7 * call) / 16).view(3, 48)

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return x.flatten(1) @ self.weights(len(self.seen) - 1).T


def given(attack, steps):
    """Counts of changed values at every step, and some of the points, on four images that are far from a boundary, in float64."""
    table = [draw(i) % 128 - 64 for i in range(144)]
    images = [[draw(1000 + 48 * n + i) % 65 for i in range(48)] for n in (2, 9, 11, 14)]
    model = Given(table)
    x = torch.tensor(images, dtype=torch.float64).view(-1, 3, 4, 4) / 64
    labels = model(x).argmax(1)
    model.seen.clear()
    attack(model, x, labels, steps=steps)
    points = {at: [[round(v, 6) for v in row] for row in model.seen[at].flatten(1).tolist()] for at in (10, steps // 10, steps - 1)}
    changed = [(point - x).flatten(1).ne(0).sum(1).tolist() for point in model.seen]
    return {'steps': steps, 'table': table, 'images': images, 'labels': labels.tolist(), 'changed': changed, 'points': points}


def main():
    path, out = sys.argv[1:3]
    lengths = [int(s) for s in (sys.argv[3] if len(sys.argv) > 3 else '10,100,1000').split(',')]
    kinds = (sys.argv[4] if len(sys.argv) > 4 else ','.join(KINDS)).split(',')
    torch.set_num_threads(1)
    batch = os.path.join(os.path.dirname(resnet_tiny.WEIGHTS), 'batch.safetensors')
    with open(batch, 'rb') as file:
        data = file.read()
    size = int.from_bytes(data[:8], 'little')
    entries = json.loads(data[8 : 8 + size])

    def entry(name, kind):
        start, end = entries[name]['data_offsets']
        return torch.frombuffer(bytearray(data[8 + size + start : 8 + size + end]), dtype=kind).reshape(entries[name]['shape'])

    kinds_of = {'U8': torch.uint8, 'I32': torch.int32, 'I64': torch.int64, 'F32': torch.float32}
    images, labels = (entry(name, kinds_of[entries[name]['dtype']]) for name in ('images', 'labels'))
    attack = authors(path)
    made = {'sigma_zero_given': given(attack, max(lengths))}
    for steps in lengths:
        for kind in kinds:
            name = f'sigma_zero_L0_{steps}' + ('' if kind == 'single' else f'_{kind}')
            made[name] = {'norm': 'L0', 'steps': steps, 'distance': distances(attack, steps, images, labels.long(), kind)}
            with open(out, 'w') as file:
                json.dump(made, file)


main()
