"""Common corruptions by the code that made CIFAR-10-C, with the random numbers that ours draw.

usage: corruptions_peer.py make_cifar_c.py batch.safetensors out.safetensors [images [corruptions]]     such as 0,1 frost,fog

Runs the functions of `ImageNet-C/create_c/make_cifar_c.py` (github.com/hendrycks/robustness) as they are on images of `batch.safetensors`,
at all severities. numpy's draws are replaced by those of `tensor/rng.ts`, seeded `corruption/<name>/<severity>/<image>`; what later releases of the
libraries call otherwise is renamed. Frost reads its photographs from the folder where it is run. Writes `<name>` [5,images,32,32,3] uint8. Versions: test/golden/README.md.
"""
import hashlib
import json
import math
import struct
import sys
import types

import numpy as np

MASK = 0xFFFFFFFF


class Rng:
    """xoshiro128** seeded by the SHA-256 of a key."""

    def __init__(self, key):
        words = struct.unpack('<4I', hashlib.sha256(key.encode()).digest()[:16])
        self.s = [words[0], words[1], words[2], words[3] | 1]
        self.spare = None

    def next(self):
        s = self.s
        turn = lambda x, k: ((x << k) | (x >> (32 - k))) & MASK
        result = turn(s[1] * 5 & MASK, 7) * 9 & MASK
        t = s[1] << 9 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = turn(s[3], 11)
        return result / 4294967296

    def gauss(self):
        if self.spare is not None:
            spare, self.spare = self.spare, None
            return spare
        radius = math.sqrt(-2 * math.log(1 - self.next()))
        angle = 2 * math.pi * self.next()
        self.spare = radius * math.sin(angle)
        return radius * math.cos(angle)


rng = None


def many(draw, size):
    return draw() if size is None else np.array([draw() for _ in range(int(np.prod(size)))], dtype=np.float64).reshape(size)


def inverted(mean, u):
    count, p = 0, math.exp(-mean)
    total = p
    while u >= total and p > 0:
        count += 1
        p *= mean / count
        total += p
    return count


def poisson(lam):
    def one(mean):
        events = 0
        while mean > 300:
            events += inverted(300, rng.next())
            mean -= 300
        return events + inverted(mean, rng.next())

    return np.array([one(mean) for mean in lam.ravel()], dtype=np.int64).reshape(lam.shape)


class Uniform:
    random = staticmethod(lambda size: many(lambda: rng.next(), size))


np.random.normal = lambda loc=0.0, scale=1.0, size=None: many(lambda: loc + scale * rng.gauss(), size)
np.random.uniform = lambda low=0.0, high=1.0, size=None: many(lambda: low + (high - low) * rng.next(), size)
np.random.poisson = poisson
def randint(low, high=None, size=None):
    """Whole numbers from `low` to below `high`, or from 0 to below `low`."""
    start, end = (0, low) if high is None else (low, high)
    return np.int64(many(lambda: start + math.floor(rng.next() * (end - start)), size))


np.random.randint = randint
np.random.default_rng = lambda seed=None: Uniform


def read(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    start, end = json.loads(data[8 : 8 + size])['images']['data_offsets']
    return np.frombuffer(data[8 + size + start : 8 + size + end], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def functions(path):
    """What the authors' file defines before it begins to write the data set."""
    import scipy.ndimage
    import skimage.filters

    old = types.ModuleType('scipy.ndimage.interpolation')
    old.map_coordinates = scipy.ndimage.map_coordinates
    sys.modules['scipy.ndimage.interpolation'] = old
    for name in ('torch', 'torch.utils', 'torch.utils.data', 'torchvision', 'torchvision.datasets', 'torchvision.transforms'):
        module = sys.modules[name] = types.ModuleType(name)
        parent, _, child = name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, module)
    text = open(path).read()
    namespace = {}
    exec(compile(text[: text.index('# /////////////// End Distortions')], path, 'exec'), namespace)

    def gaussian(image, sigma, multichannel=False, **rest):
        return skimage.filters.gaussian(image, sigma=sigma, channel_axis=-1 if multichannel else None, **rest)

    namespace['gaussian'] = gaussian
    return namespace


NAMES = (
    'gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow fog brightness contrast '
    'elastic_transform pixelate jpeg_compression'
).split()


def main():
    global rng
    from PIL import Image

    script, batch, out = sys.argv[1:4]
    wanted = [int(i) for i in (sys.argv[4] if len(sys.argv) > 4 else '0,1').split(',')]
    images = read(batch)
    made = functions(script)
    entries = {}
    for name in sys.argv[5].split(',') if len(sys.argv) > 5 else NAMES:
        result = np.zeros((5, len(wanted), 32, 32, 3), np.uint8)
        for severity in range(1, 6):
            for place, i in enumerate(wanted):
                rng = Rng(f'corruption/{name}/{severity}/{i}')
                result[severity - 1, place] = np.uint8(made[name](Image.fromarray(images[i]), severity))
        entries[name] = result
    header, offset = {}, 0
    for name, value in entries.items():
        header[name] = {'dtype': 'U8', 'shape': list(value.shape), 'data_offsets': [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(out, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(value.tobytes() for value in entries.values()))


main()
