"""Networks as TorchScript, with what PyTorch makes of them: what `bench/torchscript.ts` runs, and bench/eval-forms.ts attacks. Needs torch, torchvision and numpy.

python3 torchscript_peer.py OUT [NAME...]: those of bench/live_models.py, traced, 8 images; resnet18_cifar as a state dict too; and
reference-traced.pt, reference-scripted.pt, the network of bench/resnet_tiny.py.
"""
import os
import sys

import numpy as np
import torch

import live_models
import resnet_tiny

SIDES = {'resnet18_cifar': 32, 'resnet50': 224, 'convnext_tiny': 224, 'vit_b_16': 224}
IMAGES = 8

out, *names = sys.argv[1:]
os.makedirs(out, exist_ok=True)
torch.set_num_threads(int(os.environ.get('THREADS', '1')))


def settled(model, side):
    """Batch statistics that are not those of a fresh network."""
    if any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules()):
        with torch.no_grad():
            model.train()(torch.rand(4, 3, side, side))
    return model.eval()


def answers(model, x, direction):
    leaf = x.clone().requires_grad_(True)
    logits = model(leaf)
    return logits.detach().numpy(), torch.autograd.grad(logits, leaf, direction)[0].numpy()


for name in names or SIDES:
    side = SIDES[name]
    model = settled(getattr(live_models, name)(), side)
    x = torch.rand(IMAGES, 3, side, side)
    # ViT's trace has random names of its own in it
    torch.jit.trace(model, x[:2], check_trace=False).save(os.path.join(out, f'{name}.pt'))
    if side == 32:
        # under the names that networks with the stem of CIFAR have
        state = {key.replace('downsample', 'shortcut').replace('fc.', 'linear.'): value for key, value in model.state_dict().items()}
        torch.save(state, os.path.join(out, f'{name}.state.pt'))
    direction = torch.randn_like(model(x))
    logits, gradient = answers(model, x, direction)
    _, exact = answers(model.double(), x.double(), direction.double())
    arrays = dict(images=x.numpy(), direction=direction.numpy(), logits=logits, gradient=gradient, exact=exact.astype(np.float32))
    np.savez(os.path.join(out, f'{name}.npz'), **arrays)

if not names:
    model = resnet_tiny.load()
    torch.jit.trace(model, torch.rand(2, 3, 32, 32)).save(os.path.join(out, 'reference-traced.pt'))
    torch.jit.script(model).save(os.path.join(out, 'reference-scripted.pt'))
