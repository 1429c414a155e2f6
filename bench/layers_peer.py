"""One training pass of PyTorch through each kind of layer beyond those of residual networks: what test/models/layers-training.test.ts compares with.

python3 layers_peer.py OUT.safetensors: for each network its weights, images [n,c,h,w], labels, the mean cross-entropy, and its gradient by
every parameter and by the images, computed in float64 from float32 values.
"""
import json
import struct
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
N, C, SIDE, CLASSES = 3, 3, 8, 5


class Net(nn.Module):
    """A convolution, the layer in question, the mean over the image, and a linear layer."""

    def __init__(self, channels, layer, **parts):
        super().__init__()
        self.conv = nn.Conv2d(C, 4, 3, padding=1)
        for name, part in parts.items():
            setattr(self, name, part)
        self.layer = layer
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x):
        return self.head(self.layer(self, self.conv(x)).mean((2, 3)))


class Transformer(nn.Module):
    """Patches, a class token, positions, one block of attention, and the class token."""

    def __init__(self, width=6, heads=3):
        super().__init__()
        self.heads = heads
        self.patch = nn.Conv2d(C, width, 4, stride=4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, 5, width))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        points = self.patch(x).flatten(2).transpose(1, 2)
        t = torch.cat([self.cls_token.expand(len(x), -1, -1), points], 1) + self.pos_embed
        u = self.norm(t)
        return self.head((t + self.attn(u, u, u, need_weights=False)[0])[:, 0])


class Windows(nn.Module):
    """torchvision's attention in shifted windows, and its merging of patches."""

    def __init__(self):
        super().__init__()
        from torchvision.models.swin_transformer import PatchMerging, ShiftedWindowAttention
        self.patch = nn.Conv2d(C, 8, 1)
        self.attn = ShiftedWindowAttention(8, [4, 4], [2, 2], num_heads=2)
        self.downsample = PatchMerging(8)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x):
        t = self.patch(x).permute(0, 2, 3, 1)
        return self.head(self.downsample(t + self.attn(t)).mean((1, 2)))


def over_channels(norm):
    return lambda net, y: F.relu(norm(net)(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


networks = {
    'silu': Net(4, lambda net, y: F.silu(y)),
    'gelu': Net(4, lambda net, y: F.gelu(y)),
    'gelu-tanh': Net(4, lambda net, y: F.gelu(y, approximate='tanh')),
    'layer-norm': Net(4, over_channels(lambda net: net.norm), norm=nn.LayerNorm(4, eps=1e-6)),
    'depthwise': Net(4, lambda net, y: F.relu(net.dw(y)), dw=nn.Conv2d(4, 4, 5, padding=2, groups=4)),
    'depthwise-twice': Net(8, lambda net, y: F.relu(net.dw(y)), dw=nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=4, bias=False)),
    'grouped': Net(6, lambda net, y: F.relu(net.group(y)), group=nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)),
    'max-pool': Net(4, lambda net, y: F.max_pool2d(y, 3, stride=2, padding=1)),
    'asymmetric-padding': Net(6, lambda net, y: F.silu(net.bn(net.strided(F.pad(y, (0, 1, 0, 1))))), strided=nn.Conv2d(4, 6, 3, stride=2, bias=False), bn=nn.BatchNorm2d(6, eps=1e-3)),
    'scale': Net(4, lambda net, y: F.relu(y * net.gamma[None, :, None, None]), gamma=nn.Parameter(torch.rand(4) + 0.5)),
    'transformer': Transformer(),
    'windows': Windows(),
}

tensors = {}
for name, net in networks.items():
    for p in net.parameters():
        p.data += 0.1 * torch.randn_like(p)  # biases and scales that are not 0 and 1
    state = {key: value.clone() for key, value in net.state_dict().items()}
    x = torch.rand(N, C, SIDE, SIDE)
    y = torch.arange(N) % CLASSES
    net.double().train()
    x64 = x.double().requires_grad_()
    loss = F.cross_entropy(net(x64), y)
    loss.backward()
    for key, value in state.items():
        if not key.endswith(('num_batches_tracked', 'relative_position_index')):
            tensors[f'{name}/weights/{key}'] = value
    for key, p in net.named_parameters():
        tensors[f'{name}/grads/{key}'] = p.grad
    tensors |= {f'{name}/x': x, f'{name}/y': y, f'{name}/loss': loss.detach().reshape(1), f'{name}/grads/x': x64.grad}

header, blob = {}, b''
for name in sorted(tensors):
    raw = tensors[name].detach().float().contiguous().numpy().tobytes()
    header[name] = {'dtype': 'F32', 'shape': list(tensors[name].shape), 'data_offsets': [len(blob), len(blob) + len(raw)]}
    blob += raw
text = json.dumps(header).encode()
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<Q', len(text)) + text + blob)
