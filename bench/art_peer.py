"""Attacks of the Adversarial Robustness Toolbox on the golden networks: what test/golden/art.json holds, and the rates of its AutoAttack.

usage: python3 bench/art_peer.py (carlini | deepfool | apgd-ce | apgd-dlr | autoattack) [--model model|model-standard] [--images 64] [--seed 0] [--eps 0.031]

Prints one JSON object. Images are those of test/golden/batch.safetensors, beyond 64 those of first256.safetensors. Float32, one thread.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from art.attacks.evasion import AutoAttack, AutoProjectedGradientDescent, CarliniLInfMethod, DeepFool
from art.estimators.classification import PyTorchClassifier
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).parent))
from resnet_tiny import ResNetTiny, tensors  # noqa: E402

GOLDEN = Path(__file__).parent.parent / "test" / "golden"


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("attack", choices=["carlini", "deepfool", "apgd-ce", "apgd-dlr", "autoattack"])
    parser.add_argument("--model", default="model")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eps", type=float, default=0.031)
    return parser.parse_args()


def attack_named(name, classifier, eps):
    if name == "carlini":
        return CarliniLInfMethod(
            classifier, learning_rate=0.01, max_iter=10, initial_const=15, largest_const=20, decrease_factor=0.9, verbose=False
        )
    if name == "deepfool":
        return DeepFool(classifier, max_iter=100, epsilon=1e-3, nb_grads=10, batch_size=64, verbose=False)
    if name.startswith("apgd"):
        loss = "cross_entropy" if name == "apgd-ce" else "difference_logits_ratio"
        return AutoProjectedGradientDescent(
            classifier, norm=np.inf, eps=eps, eps_step=0.003, max_iter=100, nb_random_init=5, batch_size=64, loss_type=loss, verbose=False
        )
    return AutoAttack(classifier, norm=np.inf, eps=eps, eps_step=0.003, batch_size=64)


def main():
    given = arguments()
    torch.set_num_threads(1)
    np.random.seed(given.seed)
    torch.manual_seed(given.seed)
    batch = load_file(GOLDEN / ("batch.safetensors" if given.images <= 64 else "first256.safetensors"))
    x = batch["images"][: given.images].astype(np.float32) / np.float32(255)
    y = batch["labels"][: given.images].astype(np.int64)
    model = ResNetTiny()
    model.load_state_dict(dict(tensors(GOLDEN / f"{given.model}.safetensors")), strict=False)
    model.eval()
    classifier = PyTorchClassifier(model, torch.nn.CrossEntropyLoss(), x.shape[1:], 10, clip_values=(0, 1), device_type="cpu")
    clean = classifier.predict(x).argmax(1) == y
    started = time.time()
    attack = attack_named(given.attack, classifier, given.eps)
    labels = np.eye(10, dtype=np.float32)[y]
    adversarial = attack.generate(x=x, y=labels)
    seconds = time.time() - started
    wrong = classifier.predict(adversarial).argmax(1) != y
    change = (adversarial - x).reshape(len(x), -1)
    result = {
        "clean": clean.astype(int).tolist(),
        "wrong": wrong.astype(int).tolist(),
        "linf": [float(f"{d:.7g}") for d in np.abs(change).max(1)],
        "l2": [float(f"{d:.7g}") for d in np.sqrt((change.astype(np.float64) ** 2).sum(1))],
        "seconds": round(seconds, 1),
    }
    if given.attack == "autoattack":
        result["by"] = attack.best_attacks.tolist()
    print(json.dumps(result))


main()
