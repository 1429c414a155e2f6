"""`resnet-tiny` in PyTorch, with the weights of test/golden: what `rampart eval bench/resnet_tiny.py:load` asks, and what bench/eval-forms.ts holds to the authors' outcomes. Needs torch alone."""
import json
import os
import struct

import torch
from torch import nn

WEIGHTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/golden/model.safetensors')


class Block(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        short = stride != 1 or channels_in != channels
        self.short_conv = nn.Conv2d(channels_in, channels, 1, stride, bias=False) if short else nn.Identity()
        self.short_bn = nn.BatchNorm2d(channels) if short else nn.Identity()

    def forward(self, x):
        inside = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inside + self.short_bn(self.short_conv(x)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.zeros(1, 3, 1, 1))
        self.register_buffer('std', torch.ones(1, 3, 1, 1))
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = (Block(i, o, s) for i, o, s in ((16, 16, 1), (16, 32, 2), (32, 64, 2)))

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1((x - self.mean) / self.std)))
        return self.layer3(self.layer2(self.layer1(x))).mean((2, 3))


class ResNetTiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = Encoder()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(self.enc(x))


def tensors(path):
    with open(path, 'rb') as file:
        data = file.read()
    (size,) = struct.unpack('<Q', data[:8])
    for name, about in json.loads(data[8 : 8 + size]).items():
        if name != '__metadata__':
            start, end = about['data_offsets']
            values = torch.frombuffer(bytearray(data[8 + size + start : 8 + size + end]), dtype=torch.float32)
            yield name, values.reshape(about['shape'])


def load():
    model = ResNetTiny()
    model.load_state_dict(dict(tensors(WEIGHTS)), strict=False)
    return model.eval()
