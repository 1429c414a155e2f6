"""A safetensors model as people save theirs from PyTorch: a state dict, one behind DataParallel, a nested one, a whole module. What `bench/eval-forms.ts` attacks.

python3 eval_forms.py MODEL.safetensors OUT
"""
import os
import sys
from collections import OrderedDict

import torch

from resnet_tiny import tensors

model, out = sys.argv[1:3]
os.makedirs(out, exist_ok=True)


class Part(torch.nn.Module):
    """Holds parameters and buffers under the names that they have; the file of a whole module has no code in it."""


def module(state):
    whole = Part()
    for name, value in state.items():
        *path, last = name.split('.')
        here = whole
        for part in path:
            if part not in here._modules:
                here.add_module(part, Part())
            here = here._modules[part]
        if last in ('mean', 'std') or last.startswith('running_'):
            here.register_buffer(last, value)
        else:
            here.register_parameter(last, torch.nn.Parameter(value))
    return whole


state = OrderedDict(tensors(model))
forms = {
    'plain': state,
    'module': OrderedDict(('module.' + name, value) for name, value in state.items()),
    'nested': {'epoch': 12, 'state_dict': state, 'optimizer': {'param_groups': [{'lr': 0.1}]}},
    'whole': module(state),
}
for form, value in forms.items():
    torch.save(value, os.path.join(out, f'{form}.pt'))
