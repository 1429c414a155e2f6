"""Writes checkpoints/: one small network as PyTorch users save it, and expected.safetensors with its tensors. Any PyTorch makes them."""
import os
import struct
import json
import sys
from collections import OrderedDict

import numpy
import torch
from torch import nn

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'checkpoints')


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.register_buffer('mu', torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))

    def forward(self, x):
        return self.bn(self.conv(x - self.mu))


def network():
    torch.manual_seed(0)
    net = nn.Sequential(OrderedDict(block=Block(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(4, 5)))
    net.train()
    net(torch.rand(2, 3, 8, 8))
    return net.eval()


def write_safetensors(path, tensors):
    header, blob = {}, b''
    for name in sorted(tensors):
        raw = tensors[name].detach().float().contiguous().numpy().tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(tensors[name].shape), 'data_offsets': [len(blob), len(blob) + len(raw)]}
        blob += raw
    text = json.dumps(header).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + blob)


def main():
    os.makedirs(OUT, exist_ok=True)
    net = network()
    state = net.state_dict()
    version = '-' + sys.argv[1] if len(sys.argv) > 1 else ''
    save = lambda value, name, **options: torch.save(value, os.path.join(OUT, f'{name}{version}.pt'), **options)
    save(state, 'plain')
    save(net, 'module')
    save(state, 'legacy', _use_new_zipfile_serialization=False)
    if version:
        return
    save(OrderedDict(('module.' + k, v) for k, v in state.items()), 'parallel')
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    net.load_state_dict(network().state_dict())
    save({'epoch': 3, 'optimizer': optimizer.state_dict(), 'state_dict': net.state_dict(), 'best_acc': 0.5}, 'nested')
    save(net, 'legacy-module', _use_new_zipfile_serialization=False)
    halves = OrderedDict(half=state['fc.weight'].half(), bfloat=state['fc.weight'].bfloat16(), double=state['fc.weight'].double(), long=torch.tensor([[-1, 2 ** 40]]),
                         int=torch.tensor([-7], dtype=torch.int32), short=torch.tensor([-3], dtype=torch.int16), byte=torch.tensor([200], dtype=torch.uint8),
                         char=torch.tensor([-100], dtype=torch.int8), bool=torch.tensor([True, False]), empty=torch.zeros(0, 3), scalar=torch.tensor(1.5))
    save(halves, 'dtypes')
    arrays = {k: v.numpy() for k, v in state.items()}
    numpy.savez(os.path.join(OUT, 'arrays.npz'), **arrays)
    numpy.savez_compressed(os.path.join(OUT, 'packed.npz'), **arrays)
    numpy.save(os.path.join(OUT, 'logits.npy'), numpy.arange(6, dtype=numpy.float64).reshape(2, 3) / 4)
    base = torch.arange(24.0).reshape(2, 3, 4)
    save(OrderedDict(base=base, transposed=base.transpose(0, 2), slice=base[:, 1:, ::2], channels_last=torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)), 'strides')
    save(OrderedDict(big=torch.zeros(1).expand(1000, 1000)), 'expanded')
    save([1, 'nothing', {'a': 2}], 'no-tensors')
    torch.jit.save(torch.jit.trace(net, torch.rand(1, 3, 8, 8)), os.path.join(OUT, 'traced.pt'))
    write_safetensors(os.path.join(OUT, 'expected.safetensors'), state)


main()
