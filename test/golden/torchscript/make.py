"""The TorchScript files of this folder, with images, logits and input gradients of the modules in them: python3 make.py, with PyTorch 1.13.

traced.pt and scripted.pt are one network: a residual block written in place, a branch, a view of an image that is more than one point.
writes.pt writes into its input, through a view of it.
"""
import os
import zipfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)
torch.set_num_threads(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.down = nn.Conv2d(16, 8, 3, stride=2, padding=1)
        self.linear = nn.Linear(72, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.stem((x - self.mean) / 0.25)), inplace=True)
        y = self.bn2(self.conv(x))
        y += x
        y = F.relu(y, inplace=True)
        if y.size(2) > 6:
            y = F.avg_pool2d(F.relu(self.down(y)), 2)
        return self.linear(y.view(y.size(0), -1))


class Writes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 10, 3, padding=1)

    def forward(self, x):
        x.sub_(0.5)
        flat = x.view(x.size(0), 3, -1)
        flat[:, :, 5] = 2.0
        return F.relu(self.conv(x)).mean((2, 3))


def settle(module, x):
    """Batch statistics that are not those of a fresh network."""
    module.train()
    module(x.clone())
    return module.eval()


def save(module, name):
    """Without the tables that map code to this script, half of so small a file."""
    path = os.path.join(here, name)
    module.save(path)
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist() if not entry.endswith('.debug_pkl')}
    with zipfile.ZipFile(path, 'w') as archive:
        for entry, data in files.items():
            archive.writestr(zipfile.ZipInfo(entry), data)


def asked(module, x, direction):
    leaf = x.clone().requires_grad_(True)
    logits = module(leaf.clone())
    return logits.detach().numpy(), torch.autograd.grad(logits, leaf, direction)[0].numpy()


images = torch.rand(8, 3, 12, 12)
direction = torch.randn(8, 10)
network, writes = settle(Network(), torch.rand(16, 3, 12, 12)), Writes().eval()
save(torch.jit.trace(network, images[:2]), 'traced.pt')
save(torch.jit.script(network), 'scripted.pt')
save(torch.jit.script(writes), 'writes.pt')
expected = {'images': images.numpy(), 'direction': direction.numpy()}
for name, module in {'network': network, 'writes': writes}.items():
    expected[f'{name}.logits'], expected[f'{name}.gradient'] = asked(module, images, direction)
np.savez(os.path.join(here, 'expected.npz'), **expected)
