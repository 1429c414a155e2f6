"""Writes the images beside this file, and what PIL and torchvision make of them (expected.json). Debian: python3-torchvision."""
import hashlib
import json
import os

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode as Mode

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(0)


def scene(width, height):
    """Colours that change slowly, and noise."""
    coarse = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC)).astype(int)
    return Image.fromarray(np.clip(smooth + rng.integers(-9, 10, (height, width, 3)), 0, 255).astype(np.uint8))


def with_alpha(image):
    image = image.copy()
    image.putalpha(Image.fromarray(rng.integers(0, 256, image.size[::-1], dtype=np.uint8)))
    return image


wide, tall = scene(45, 30), scene(21, 38)
turned = Image.Exif()
turned[0x0112] = 6
IMAGES = {
    "420.jpg": (wide, dict(quality=80)),
    "444.jpg": (tall, dict(quality=90, subsampling=0)),
    "progressive.jpg": (tall, dict(quality=75, progressive=True)),
    "gray.jpg": (wide.convert("L"), dict(quality=80)),
    "turned.jpg": (wide, dict(quality=80, exif=turned)),
    "rgb.png": (tall, {}),
    "gray.png": (wide.convert("L"), {}),
    "bits.png": (wide.convert("1"), {}),
    "palette.png": (tall.convert("P", palette=Image.ADAPTIVE, colors=30), dict(transparency=3)),
    "alpha.png": (with_alpha(tall), {}),
    "gray-alpha.png": (with_alpha(wide.convert("L")), {}),
    "lossy.webp": (wide, dict(quality=80)),
}
PREPARATIONS = {
    "{}": [],
    '{"resize":24,"crop":20}': [T.Resize(24), T.CenterCrop(20)],
    '{"resize":25,"crop":22,"interpolation":"bicubic"}': [T.Resize(25, Mode.BICUBIC), T.CenterCrop(22)],
    '{"resize":[17,50]}': [T.Resize((17, 50))],
    '{"resize":64,"crop":61,"interpolation":"bicubic"}': [T.Resize(64, Mode.BICUBIC), T.CenterCrop(61)],
    '{"crop":33}': [T.CenterCrop(33)],
}

expected = {}
for name, (image, options) in IMAGES.items():
    path = os.path.join(HERE, name)
    image.save(path, **options)
    for prepared, steps in PREPARATIONS.items():
        pixels = np.asarray(T.Compose(steps)(Image.open(path).convert("RGB")))
        text = hashlib.sha256(pixels.tobytes()).hexdigest()
        expected.setdefault(name, {})[prepared] = [pixels.shape[1], pixels.shape[0], text]
wide.convert("CMYK").save(os.path.join(HERE, "cmyk.jpg"))
Image.fromarray(rng.integers(0, 2**16, (4, 4), dtype=np.uint16)).save(os.path.join(HERE, "16-bits.png"))
with open(os.path.join(HERE, "expected.json"), "w") as file:
    versions = {"pillow": PIL.__version__, "torchvision": torchvision.__version__}
    json.dump({"made with": versions, "width, height, SHA-256 of the pixels": expected}, file, indent=2)
    file.write("\n")
