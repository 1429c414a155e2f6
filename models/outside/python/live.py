"""Answers for a PyTorch module that somebody else wrote: logits and input gradients, asked for by Rampart over a pipe.

    python live.py        started by the program, not by people

Standard input brings one request a line, as JSON; file descriptor 3 takes one answer a line. Images, logits and gradients lie in a file that
both sides have in memory, as float32: first the images, (n, height, width, channels) in [0, 1], whose place also takes input gradients; then
the logits, (n, classes), whose place also brings the gradients of a loss with respect to them. Nothing but torch is needed.

A request is {"op": ...}:
  load      imports the file, calls the function, and tells what it is and where it runs
  logits    runs the first n images; with "keep", the pass is kept under that number for its gradients
  pullback  the product of the gradients of the logits with the Jacobian of the pass "kept"; the "last" one frees it on the way
Every request may bring "drop", the numbers of kept passes that nobody will ask for again, and "memory", a larger file in the place of the
one before, with room for "capacity" images.
"""

import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import sys
import threading
import time
import traceback

STARTED_BY = os.getppid()


def end_with_parent():
    """Nobody is there to answer: not even a pass that hangs may keep this process."""
    while os.getppid() == STARTED_BY:
        time.sleep(1)
    os._exit(1)


class Refusal(Exception):
    """What the module's author can mend, in a sentence; the second is how."""

    def __init__(self, message, remedy=None):
        super().__init__(message)
        self.remedy = remedy


def named(shape):
    return "[" + ", ".join(str(size) for size in shape) + "]"


class Live:
    def __init__(self):
        self.module = None
        self.kept = {}

    def load(self, file, function, device, threads, shape, classes, measure):
        try:
            import torch
        except ImportError as error:
            raise Refusal(
                f"the Python {sys.version.split()[0]} at {sys.executable} cannot import torch: {error}",
                "name the Python that has PyTorch, such as --python venv/bin/python",
            ) from error
        self.torch = torch
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.shape, self.classes = shape, classes
        self.device = self.pick(device)
        self.file = os.path.realpath(file)
        module = self.made(function)
        self.module = module.to(self.device)
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)
        return {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "device": self.device,
            "deviceName": torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else "",
            "module": type(module).__name__,
            "parameters": sum(p.numel() for p in self.module.parameters()),
            "weights": self.weights(),
            "sources": self.sources(),
            **(self.measured() if measure else {}),
        }

    def pick(self, device):
        if device != "auto":
            return device
        return "cuda:0" if self.torch.cuda.is_available() else "cpu"

    def made(self, function):
        """What the function of the file returns, which must be a module."""
        name = os.path.splitext(os.path.basename(self.file))[0]
        sys.path.insert(0, os.path.dirname(self.file))
        spec = importlib.util.spec_from_file_location(name, self.file)
        source = importlib.util.module_from_spec(spec)
        sys.modules[name] = source
        spec.loader.exec_module(source)
        if not hasattr(source, function):
            own = [n for n, value in vars(source).items() if callable(value) and getattr(value, "__module__", None) == name]
            raise Refusal(f"there is no {function} in it", f"there is {', '.join(own)}" if own else None)
        module = getattr(source, function)()
        if not isinstance(module, self.torch.nn.Module):
            raise Refusal(f"{function}() returned {type(module).__name__}, expected a torch.nn.Module")
        return module

    def weights(self):
        """SHA-256 of every parameter and buffer with its name, type and shape, and of what the module prints itself as."""
        torch = self.torch
        # functions among its members print where they lie in memory
        digest = hashlib.sha256(re.sub(r"0x[0-9a-fA-F]+", "0x", repr(self.module)).encode())
        state = {**self.module.state_dict(keep_vars=True), **dict(self.module.named_buffers())}
        for name, value in sorted(state.items()):
            if not isinstance(value, torch.Tensor):
                digest.update(f"{name} {value!r}\n".encode())
                continue
            digest.update(f"{name} {value.dtype} {named(value.shape)}\n".encode())
            flat = value.detach().to("cpu").contiguous().reshape(-1)
            if flat.is_quantized:
                flat = flat.int_repr()
            digest.update((ctypes.c_char * (flat.numel() * flat.element_size())).from_address(flat.data_ptr()) if flat.numel() else b"")
        return digest.hexdigest()

    def sources(self):
        """SHA-256 of the file and of every module below its folder that it has imported."""
        folder = os.path.dirname(self.file)
        found = {}
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            path = path and os.path.realpath(path)
            if not path or not path.startswith(folder + os.sep) or "site-packages" in path or not os.path.isfile(path):
                continue
            with open(path, "rb") as source:
                found[os.path.relpath(path, folder).replace(os.sep, "/")] = hashlib.sha256(source.read()).hexdigest()
        return [{"path": path, "hash": found[path]} for path in sorted(found)]

    def measured(self):
        """Multiply-adds of a forward pass of one image in its convolutions and linear layers, and the numbers that its layers return."""
        torch = self.torch
        seen = {"multiplyAdds": 0, "activations": 0}

        def count(module, _, out):
            if not isinstance(out, torch.Tensor):
                return
            seen["activations"] += out.numel()
            weight = getattr(module, "weight", None)
            if isinstance(weight, torch.Tensor) and weight.dim() >= 2:
                seen["multiplyAdds"] += out.numel() * weight.numel() // weight.shape[0]

        leaves = [m for m in self.module.modules() if not any(True for _ in m.children())]
        hooks = [leaf.register_forward_hook(count) for leaf in leaves if not isinstance(leaf, torch.jit.ScriptModule)]
        try:
            height, width, channels = self.shape
            with torch.no_grad():
                self.checked(self.module(torch.zeros(1, channels, height, width, device=self.device)), 1)
        finally:
            for hook in hooks:
                hook.remove()
        return seen

    def take(self, memory, capacity):
        """Maps the images and the logits of at most `capacity` images, as they lie in the file."""
        pixels = self.shape[0] * self.shape[1] * self.shape[2]
        floats = capacity * (pixels + self.classes)
        values = self.torch.from_file(memory, shared=True, size=floats, dtype=self.torch.float32)
        self.images, self.answers = values[: capacity * pixels], values[capacity * pixels :]

    def batch(self, n):
        """A copy of the first n images, (n, channels, height, width) contiguous, on the module's device: the module may change it as it likes."""
        height, width, channels = self.shape
        x = self.images[: n * height * width * channels].view(n, height, width, channels).to(self.device)
        return x.permute(0, 3, 1, 2).clone(memory_format=self.torch.contiguous_format)

    def checked(self, out, n):
        torch = self.torch
        expected = f"expected a float32 tensor of logits {named([n, self.classes])}"
        if not isinstance(out, torch.Tensor):
            raise Refusal(f"forward returned {type(out).__name__}, {expected}", "return the logits alone")
        if out.dtype not in (torch.float32, torch.float64):
            raise Refusal(
                f"forward returned {str(out.dtype).replace('torch.', '')}, {expected}",
                "few logits of so few bits differ, and gradients vanish with them: compute in float32, or return logits.float() and know it",
            )
        if list(out.shape) != [n, self.classes]:
            raise Refusal(f"forward returned shape {named(out.shape)}, {expected}")
        return out

    def logits(self, n, keep=None):
        x = self.batch(n)
        with self.torch.no_grad() if keep is None else contextlib.nullcontext():
            if keep is not None:
                x.requires_grad_(True)
            out = self.checked(self.module(x), n)
        self.answers[: n * self.classes].view(n, self.classes).copy_(out.detach())
        if keep is not None:
            self.kept[keep] = (x, out)

    def pullback(self, kept, n, last):
        torch = self.torch
        x, out = self.kept[kept]
        dlogits = self.answers[: n * self.classes].view(n, self.classes).to(out.device, out.dtype, copy=True)
        # logits that nothing leads to have no gradient: zero
        grad = torch.autograd.grad(out, x, dlogits, retain_graph=not last, allow_unused=True)[0] if out.requires_grad else None
        height, width, channels = self.shape
        target = self.images[: n * height * width * channels].view(n, height, width, channels)
        if grad is None:
            target.zero_()
        else:
            target.copy_(grad.permute(0, 2, 3, 1))

    def answer(self, request):
        for number in request.pop("drop", []):
            self.kept.pop(number, None)
        if "memory" in request:
            self.take(request.pop("memory"), request.pop("capacity"))
        return getattr(self, request.pop("op"))(**request) or {}


def told(error, live):
    """An error in a line: of the user's code with the place in it."""
    memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "allocate memory" in str(error).lower()
    text = str(error) if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__ and not frame.filename.startswith("<")]
    folder = os.path.dirname(getattr(live, "file", ""))
    near = [frame for frame in own if folder and frame.filename.startswith(folder + os.sep)] or own
    place = f" (at {os.path.basename(near[-1].filename)}:{near[-1].lineno})" if near and not isinstance(error, Refusal) else ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" (at {os.path.basename(error.filename)}:{error.lineno})"
        text = f"SyntaxError: {error.msg}"
    first = text.strip().split("\n")[0][:500]
    return {"error": f"{'out of memory: ' if memory else ''}{first}{place}", "remedy": getattr(error, "remedy", None)}


def main():
    threading.Thread(target=end_with_parent, daemon=True).start()
    # what the module prints or reads must not meet requests and answers
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    answers = os.fdopen(3, "w", encoding="utf-8")
    os.set_inheritable(3, False)
    live = Live()
    for line in requests:
        try:
            answer = live.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever the module's code raises
            answer = told(error, live)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
