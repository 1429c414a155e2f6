"""torchvision's networks with fresh weights, as `my_model.py:load` is one: what bench/live.ts asks for its passes. Needs torch and torchvision.

    python3 live_models.py FUNCTION BATCH SIDE CLASSES THREADS    the same passes alone: `forward` or `input_grad` a line on standard input, seconds a line back
"""
import sys
import time

import torch
import torchvision


def made(name, classes=1000, **changes):
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(num_classes=classes, **changes).eval()


def resnet18_cifar():
    model = made('resnet18', 10)
    model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = torch.nn.Identity()
    return model


def resnet50():
    return made('resnet50')


def convnext_tiny():
    return made('convnext_tiny')


def vit_b_16():
    model = made('vit_b_16')
    torch.nn.init.normal_(model.heads.head.weight, std=0.02)  # zero as torchvision makes it: no gradient
    return model


def passes(function, batch, side, classes, threads):
    torch.set_num_threads(threads)
    model = globals()[function]()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, 3, side, side, generator=generator)
    dlogits = torch.rand(batch, classes, generator=generator)

    def forward():
        with torch.no_grad():
            model(x)

    def input_grad():
        leaf = x.detach().requires_grad_(True)
        torch.autograd.grad(model(leaf), leaf, dlogits)

    print('ready', flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        {'forward': forward, 'input_grad': input_grad}[line.strip()]()
        print(time.perf_counter() - start, flush=True)


if __name__ == '__main__':
    passes(sys.argv[1], *map(int, sys.argv[2:]))
