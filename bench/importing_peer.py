"""Public PyTorch networks with fresh weights and moved batch statistics, saved as people save them, with logits and input gradients: what `bench/importing.ts` compares with.

python3 importing_peer.py OUT [ROBUSTBENCH CHECKOUT [WORD...]]: torchvision's networks, and with a checkout those of RobustBench's zoo; with words
those whose public code has one of them.
"""
import importlib.util
import json
import os
import sys

import torch
from torch import nn

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(int(os.environ.get('THREADS', '1')))
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2471, 0.2435, 0.2616]


class Normalized(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.register_buffer('mean', torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(STD).view(1, 3, 1, 1))
        self.model = model

    def forward(self, x):
        return self.model((x - self.mean) / self.std)


def public(checkout):
    folder = os.path.join(checkout, 'robustbench/model_zoo/architectures')

    def module(name):
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, f'{name}.py'))
        loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    wide, res, dm = module('wide_resnet'), module('resnet'), module('dm_wide_resnet')
    yield 'wrn-34-10', 'TRADES, with sub_block1', wide.WideResNet(34, sub_block1=True), 'none', 32
    morel = wide.WideResNet(34, sub_block1=True)
    morel.mod_encoder = wide.WideResNet(10, widen_factor=1)  # a head that its training uses beside the classifier
    yield 'wrn-34-10', 'MOREL, with mod_encoder', morel, 'none', 32
    yield 'wrn-28-10', 'Carmon and others', wide.WideResNet(28, 10, sub_block1=True), 'none', 32
    yield 'wrn-28-4', 'any depth and width', wide.WideResNet(28, widen_factor=4), 'none', 32
    yield 'dm-wrn-28-10', 'DeepMind, SiLU', dm.DMWideResNet(activation_fn=nn.SiLU, mean=MEAN, std=STD), 'given', 32
    yield 'dm-preact-resnet-18', 'DeepMind, SiLU', dm.DMPreActResNet(activation_fn=nn.SiLU, mean=MEAN, std=STD), 'given', 32
    yield 'preact-resnet-18 shortcut=raw lastNorm=false', 'Wong, Andriushchenko', Normalized(res.PreActResNet(res.PreActBlock, [2, 2, 2, 2])), 'file', 32
    yield 'preact-resnet-18', 'Rice', Normalized(res.PreActResNet(res.PreActBlockV2, [2, 2, 2, 2], bn_before_fc=True)), 'file', 32
    yield 'resnet-18', 'CIFAR', res.ResNet18(), 'none', 32
    yield 'resnet-34', 'CIFAR', res.ResNet34(), 'none', 32
    yield 'resnet-50', 'Engstrom', Normalized(res.ResNet50()), 'file', 32


def of_torchvision():
    import torchvision.models as tv
    yield 'resnet-18 stem=imagenet', 'torchvision resnet18', Normalized(tv.resnet18()), 'file', 224
    yield 'resnet-50 stem=imagenet', 'torchvision resnet50', Normalized(tv.resnet50()), 'file', 224
    yield 'wide-resnet-50-2', 'torchvision wide_resnet50_2', Normalized(tv.wide_resnet50_2()), 'file', 224
    vit = dict(image_size=224, patch_size=16, num_layers=12, num_heads=6, hidden_dim=384, mlp_dim=1536)
    yield 'vit-small-16', 'torchvision VisionTransformer, small', Normalized(tv.vision_transformer.VisionTransformer(**vit)), 'file', 224
    yield 'convnext-tiny', 'torchvision convnext_tiny', Normalized(tv.convnext_tiny()), 'file', 224
    yield 'swin-tiny', 'torchvision swin_t', Normalized(tv.swin_t()), 'file', 224


def enliven(model):
    """Weights that leave no part of a network without effect, and batch statistics that are not the initial ones."""
    for name, p in model.named_parameters():
        if p.dim() == 1 or 'layer_scale' in name:
            p.data = p.data.abs().clamp(min=0.2) * torch.empty_like(p).uniform_(0.7, 1.3) if 'weight' in name or 'scale' in name else torch.randn_like(p) * 0.05
        if 'heads' in name and p.dim() == 2:
            p.data = torch.randn_like(p) * 0.02
        if 'class_token' in name:
            p.data = torch.randn_like(p) * 0.02
    return model


def answers(model, x):
    x = x.detach().requires_grad_()
    logits = model(x)
    loss = torch.logsumexp(logits, 1).sum() - logits[:, 0].sum()
    return logits.detach(), torch.autograd.grad(loss, x)[0]


def without_kinks(model, x):
    """The same with SiLU wherever a ReLU is, and every second point where a max pool is: then float32 and float64 are on the same side of nothing."""
    F = nn.functional
    relu, max_pool2d = F.relu, F.max_pool2d
    F.relu, F.max_pool2d = lambda v, inplace=False: F.silu(v), lambda v, *_, **__: v[..., ::2, ::2]
    try:
        return answers(model, x)
    finally:
        F.relu, F.max_pool2d = relu, max_pool2d


entries = []
networks = list(of_torchvision()) + (list(public(sys.argv[2])) if len(sys.argv) > 2 else [])
networks = [n for n in networks if len(sys.argv) < 4 or any(word in n[1] for word in sys.argv[3:])]
for i, (arch, what, model, normalization, side) in enumerate(networks):
    enliven(model).train()
    x = torch.rand(4, 3, side, side)
    with torch.no_grad():
        model(x)
    model.eval()
    x = torch.rand(2, 3, side, side)
    logits, grad = answers(model, x)
    # how far float32 itself is from float64, where a unit near 0 may fall on the other side
    exact = model.double()
    _, grad64 = answers(exact, x.double())
    smooth_logits, smooth_grad64 = without_kinks(exact, x.double())
    model.float()
    file = f'{i:02d}.pt'
    torch.save(model if i % 3 == 0 else model.state_dict() if i % 3 == 1 else {'epoch': 1, 'state_dict': {'module.' + k: v for k, v in model.state_dict().items()}}, os.path.join(out, file))
    torch.save({'x': x, 'logits': logits, 'grad': grad, 'grad64': grad64.float(), 'smooth_logits': smooth_logits.float(), 'smooth_grad64': smooth_grad64.float()}, os.path.join(out, f'{i:02d}.answer.pt'))
    saved = ['whole module', 'state dict', 'nested, behind DataParallel'][i % 3]
    entries.append(dict(file=file, arch=arch, what=what, saved=saved, side=side, classes=logits.shape[1], normalization=normalization, mean=MEAN, std=STD))
with open(os.path.join(out, 'networks.json'), 'w') as f:
    json.dump(dict(torch=torch.__version__, networks=entries), f, indent=1)
