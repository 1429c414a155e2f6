"""Distances of sigma-zero by its authors' code on the golden model and images, in float32 and in float64.

usage: sigma_zero_peer.py sigma_zero_attack.py out.json [steps,...]

Runs `sigma_zero` of github.com/sigma0-advx/sigma-zero on the images of test/golden/batch.safetensors with `model.safetensors`, one thread. Of each
number of steps `sigma_zero_L0_<steps>` has the values changed per image, null where no error was found; `..._double` the same in float64: how far
rounding alone takes the method.
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


def distances(attack, steps, images, labels, kind):
    model = resnet_tiny.load().eval().to(kind)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    x = images.to(kind) / 255
    found = attack(model, x, labels, steps=steps)
    wrong = model(found).argmax(1) != labels
    changed = (found - x).flatten(1).ne(0).sum(1)
    return [int(d) if w else None for d, w in zip(changed, wrong)]


def main():
    path, out = sys.argv[1:3]
    torch.set_num_threads(1)
    batch = os.path.join(os.path.dirname(resnet_tiny.WEIGHTS), 'batch.safetensors')
    with open(batch, 'rb') as file:
        data = file.read()
    size = int.from_bytes(data[:8], 'little')
    entries = json.loads(data[8 : 8 + size])

    def entry(name, kind):
        start, end = entries[name]['data_offsets']
        return torch.frombuffer(bytearray(data[8 + size + start : 8 + size + end]), dtype=kind).reshape(entries[name]['shape'])

    kinds = {'U8': torch.uint8, 'I32': torch.int32, 'I64': torch.int64, 'F32': torch.float32}
    images, labels = (entry(name, kinds[entries[name]['dtype']]) for name in ('images', 'labels'))
    attack = authors(path)
    made = {}
    for steps in [int(s) for s in (sys.argv[3] if len(sys.argv) > 3 else '10,100').split(',')]:
        for name, kind in (('', torch.float32), ('_double', torch.float64)):
            distance = distances(attack, steps, images, labels.long(), kind)
            made[f'sigma_zero_L0_{steps}{name}'] = {'norm': 'L0', 'steps': steps, 'distance': distance}
    with open(out, 'w') as file:
        json.dump(made, file)


main()
