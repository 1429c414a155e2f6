"""HopSkipJump of Foolbox and of ART, and the authors' RayS, beside ours: how near to each image a misclassified point was after so many decisions.

python3 decision_peer.py GOLDEN_FOLDER LIBRARY NORM [IMAGES]: LIBRARY is foolbox, art or a checkout of uclaml/RayS, NORM is L2 or Linf; GOLDEN_FOLDER is test/golden.
One JSON line: for each number of decisions the distances, one per image. `tsx bench/decision.ts` gives the same of ours. Each library's own
starting point, precision and radius of probes; one image at a time, so that no library's batching counts.
"""
import json
import sys
import types

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from resnet_tiny import load

MARKS = [1000, 2000, 5000]
torch.set_num_threads(1)


class Spent(Exception):
    """All decisions are made."""


class Watched(nn.Module):
    """Counts decisions about one image, and keeps the smallest distance of a misclassified point at each mark."""

    def __init__(self, model, norm):
        super().__init__()
        self.model, self.norm = model, norm

    def watch(self, clean, label):
        self.clean, self.label, self.asked, self.best, self.at = clean, label, 0, float('inf'), []

    @torch.no_grad()
    def forward(self, x):
        x = x.float()
        logits = self.model(x)
        wrong = logits.argmax(1) != self.label
        delta = (x - self.clean).flatten(1).double()
        sizes = delta.abs().amax(1) if self.norm == 'Linf' else delta.norm(dim=1)
        for w, size in zip(wrong.tolist(), sizes.tolist()):
            self.asked += 1
            if w:
                self.best = min(self.best, size)
            if self.asked in MARKS:
                self.at.append(self.best)
            if self.asked == MARKS[-1]:
                raise Spent
        return logits


def foolbox_attack(watched, norm):
    import foolbox as fb
    from foolbox.attacks import HopSkipJumpAttack
    attack = HopSkipJumpAttack(steps=10_000, constraint='linf' if norm == 'Linf' else 'l2')
    model = fb.PyTorchModel(watched, bounds=(0, 1), device='cpu')
    return lambda x, y: attack.run(model, x, fb.criteria.Misclassification(y))


def art_attack(watched, norm):
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import PyTorchClassifier
    classifier = PyTorchClassifier(watched, loss=None, input_shape=(3, 32, 32), nb_classes=10, clip_values=(0, 1), device_type='cpu')
    attack = HopSkipJump(classifier, norm=np.inf if norm == 'Linf' else 2, max_iter=10_000, max_eval=10_000, init_eval=100, init_size=100, verbose=False)
    return lambda x, y: attack.generate(x.numpy(), y=np.eye(10)[y.numpy()])


def rays_attack(folder, watched):
    sys.path.insert(0, folder)
    # it draws a bar on a terminal, and moves all to a GPU
    sys.modules['pgbar'] = types.SimpleNamespace(progress_bar=lambda *_: None)
    torch.Tensor.cuda = lambda self: self
    import RayS as published
    watched.predict_label = lambda x: watched(x).argmax(1)
    return published.RayS(watched, epsilon=0).attack_hard_label


def main(folder, library, norm, images=32):
    model = load()
    data = load_file(f'{folder}/first256.safetensors')
    x, y = data['images'].float() / 255, data['labels'].long()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).nonzero().flatten()[:int(images)]
    watched = Watched(model, norm).eval()
    known = {'foolbox': foolbox_attack, 'art': art_attack}
    attack = known[library](watched, norm) if library in known else rays_attack(library, watched)
    torch.manual_seed(0)
    np.random.seed(0)
    rows = []
    for i in right.tolist():
        watched.watch(x[i:i + 1], y[i])
        try:
            attack(x[i:i + 1], y[i:i + 1])
        except Spent:
            pass
        rows.append(watched.at + [watched.best] * (len(MARKS) - len(watched.at)))
    distances = {mark: [row[k] for row in rows] for k, mark in enumerate(MARKS)}
    medians = {mark: round(float(np.median(d)), 5) for mark, d in distances.items()}
    print(json.dumps({'library': library, 'norm': norm, 'medians': medians, 'distances': distances}))


main(*sys.argv[1:])
