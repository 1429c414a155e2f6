#!/usr/bin/env python3
"""The authors' AutoAttack on the same weights and images, for `npm run bench:attacks -- --peer DIR`.

usage: autoattack_peer.py REPOSITORY WEIGHTS BATCH_FILE N NORM EPS BATCH THREADS MEMBERS DEVICE
REPOSITORY is a checkout of auto-attack, WEIGHTS a resnet-tiny as safetensors, BATCH_FILE CIFAR-10's test_batch.bin,
MEMBERS names with commas. Prints one JSON object; members run in order on what is left, as in the ensemble.
"""
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

repository, weights, batch_file, n, norm, eps, batch, threads, members, device = sys.argv[1:]
sys.path.insert(0, repository)
from autoattack import AutoAttack, checks  # noqa: E402

torch.set_num_threads(int(threads))
# members run one by one here: the checks of the model, made once per ensemble, would count four times
checks.check_randomized = checks.check_dynamic = checks.check_n_classes = lambda *args, **kwargs: None
checks.check_range_output = lambda model, x, **kwargs: model(x[:1]).shape[-1]


def read_weights(path):
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    kinds = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(raw[8 + size + start : 8 + size + end], kinds[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.copy().reshape(entry["shape"])).to(device)
    return tensors


class ResNetTiny(torch.nn.Module):
    """The network of the weights, in evaluation mode, in channels_last; counts images that go through it."""

    def __init__(self, tensors):
        super().__init__()
        self.t = tensors
        self.forward_images = 0
        self.backward_images = 0

    def bn(self, x, name):
        t = self.t
        stats = t[name + ".running_mean"], t[name + ".running_var"]
        return F.batch_norm(x, *stats, t[name + ".weight"], t[name + ".bias"], False, 0.1, 1e-5)

    def block(self, x, name, stride):
        t = self.t
        out = F.relu(self.bn(F.conv2d(x, t[name + ".conv1.weight"], None, stride, 1), name + ".bn1"))
        out = self.bn(F.conv2d(out, t[name + ".conv2.weight"], None, 1, 1), name + ".bn2")
        if name + ".short_conv.weight" in t:
            x = self.bn(F.conv2d(x, t[name + ".short_conv.weight"], None, stride), name + ".short_bn")
        return F.relu(out + x)

    def forward(self, x):
        t = self.t
        self.forward_images += x.shape[0]
        x = x.contiguous(memory_format=torch.channels_last)
        x = (x - t["enc.mean"]) / t["enc.std"]
        if x.requires_grad:
            x.register_hook(self.count_backward)
        x = F.relu(self.bn(F.conv2d(x, t["enc.conv1.weight"], None, 1, 1), "enc.bn1"))
        for layer, stride in ((1, 1), (2, 2), (3, 2)):
            x = self.block(x, "enc.layer%d" % layer, stride)
        return F.linear(x.mean((2, 3)), t["linear.weight"], t["linear.bias"])

    def count_backward(self, grad):
        self.backward_images += grad.shape[0]


def sync():
    if device != "cpu":
        torch.cuda.synchronize()


model = ResNetTiny(read_weights(weights)).to(device).eval()
records = np.fromfile(batch_file, np.uint8, int(n) * 3073).reshape(-1, 3073)
y = torch.from_numpy(records[:, 0].astype(np.int64)).to(device)
x = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255).to(device)
adversary = AutoAttack(model, norm=norm, eps=float(eps), seed=0, verbose=False, version="standard", device=device)
with torch.no_grad():
    robust = model(x).argmax(1) == y
results = []
for member in members.split(","):
    entered = robust.nonzero().flatten()
    if len(entered) == 0:
        break
    adversary.attacks_to_run = [member]
    model.forward_images = model.backward_images = 0
    start = time.perf_counter()
    points = adversary.run_standard_evaluation(x[entered], y[entered], bs=int(batch))
    sync()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        robust[entered] = model(points).argmax(1) == y[entered]
    results.append(
        {
            "attack": member,
            "entered": len(entered),
            "left": int(robust.sum()),
            "forward": model.forward_images,
            "backward": model.backward_images,
            "seconds": seconds,
        }
    )
print(json.dumps({"torch": torch.__version__, "members": results}))
