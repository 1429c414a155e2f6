"""Modules as people bring them, sound and broken, for live.test.ts. Each function is one."""
import os
import time

import torch
from torch import nn

CLASSES, SIDE = 4, 6


class Small(nn.Module):
    """A fixed network; `after` passes it does `what` instead of answering as it should."""

    def __init__(self, what=None, after=0):
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.linear = nn.Linear(5 * SIDE * SIDE, CLASSES)
        self.what, self.after, self.passes = what, after, 0

    def forward(self, x):
        self.passes += 1
        y = self.linear(torch.tanh(self.conv(x)).view(len(x), -1))
        return y if self.what is None or self.passes <= self.after else self.what(y, x)


def sound():
    return Small().eval()


def dies():
    return Small(lambda y, x: (print('about to go'), os._exit(3)), after=2)


def crashes():
    return Small(lambda y, x: os.kill(os.getpid(), 11), after=2)


def is_killed():
    return Small(lambda y, x: os.kill(os.getpid(), 9), after=2)


def hangs():
    return Small(lambda y, x: time.sleep(600), after=2)


def prints():
    return Small(lambda y, x: (print('words', 'x' * 100_000), print('{"error": "not this"}'), os.system('echo more'), y)[-1])


def reads():
    return Small(lambda y, x: (open(0, closefd=False).read(), y)[1])


def raises():
    return Small(lambda y, x: y + nowhere, after=2)  # noqa: F821


def gives_nan():
    return Small(lambda y, x: y.index_fill(0, torch.tensor([1]), float('nan')), after=2)


def gradient_nan():
    return Small(lambda y, x: y + 0 * torch.sqrt(x - x).sum((1, 2, 3))[:, None])


def too_few():
    return Small(lambda y, x: y[:, :3])


def pair():
    return Small(lambda y, x: (y, x))


def half():
    return Small(lambda y, x: y.half())


def double():
    return Small(lambda y, x: y.double())


def detached():
    return Small(lambda y, x: y.detach())


def changes_input():
    return Small(lambda y, x: (x.mul_(0), y)[1])


def grows():
    return Small(lambda y, x: torch.ones(1 << 50), after=2)


def number():
    return 5


def fails():
    raise ValueError('no such checkpoint\nsecond line')


def slow():
    time.sleep(600)


def unseeded():
    model = Small()
    model.linear.bias.data.add_(time.time_ns() % 1000)
    return model
