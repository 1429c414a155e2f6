"""What PyTorch does on the same work: images/s of one training or attack step, eager PyTorch (or compiled, from 2.0 on), so that a ratio can be taken in one run.

usage: OMP_NUM_THREADS=T engine_peer.py [--arch resnet-tiny|resnet-18|wrn-28-10|wrn-34-10] [--batch 128] [--task forward,...] [--device cpu|cuda] [--seconds 8] [--at-least 5] [--clock wall|cpu] [--serve] [--layout channels_last|contiguous] [--tf32] [--compile default|reduce-overhead|max-autotune]
Prints one JSON object; with `--serve` one for each line that it reads, from one start and one compilation. `--clock cpu` counts processor time, which a machine that others use leaves as it is; for one thread. Debian: apt-get install -y python3-torch python3-numpy libopenblas0-pthread (without OpenBLAS its matrix product is 25 times slower).
  forward     logits, no gradient, eval mode
  input_grad  cross-entropy and its gradient with respect to the input, eval mode
  standard    one SGD step on clean images
  pgd-at      PGD-7 in eval mode, then one SGD step on the adversarial images
  trades      10 KL-ascent steps in eval mode, then one SGD step on CE + 6 KL
"""
import argparse, json, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

class Basic(nn.Module):
    def __init__(s, cin, cout, stride):
        super().__init__()
        s.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False); s.bn1 = nn.BatchNorm2d(cout)
        s.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False); s.bn2 = nn.BatchNorm2d(cout)
        s.short = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)) if stride != 1 or cin != cout else nn.Identity()
    def forward(s, x): return F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))) + s.short(x))

class PreAct(nn.Module):
    def __init__(s, cin, cout, stride):
        super().__init__()
        s.bn1 = nn.BatchNorm2d(cin); s.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        s.bn2 = nn.BatchNorm2d(cout); s.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        s.short = nn.Conv2d(cin, cout, 1, stride, bias=False) if cin != cout else None
    def forward(s, x):
        o = F.relu(s.bn1(x)); r = s.short(o) if s.short is not None else x
        return s.conv2(F.relu(s.bn2(s.conv1(o)))) + r

def net(arch):
    if arch.startswith('wrn-'):
        blocks = {'wrn-28-10': 4, 'wrn-34-10': 5}[arch]; layers, c = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
        for w, st in ((160, 1), (320, 2), (640, 2)):
            for i in range(blocks): layers.append(PreAct(c, w, st if i == 0 else 1)); c = w
        layers += [nn.BatchNorm2d(c), nn.ReLU()]
    else:
        widths, blocks = {'resnet-tiny': ((16, 32, 64), 1), 'resnet-18': ((64, 128, 256, 512), 2)}[arch]
        layers, c = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
        for k, w in enumerate(widths):
            for i in range(blocks): layers.append(Basic(c, w, 2 if k and i == 0 else 1)); c = w
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))

a = argparse.ArgumentParser(); a.add_argument('--arch', default='resnet-tiny'); a.add_argument('--batch', type=int, default=128); a.add_argument('--device', default='cpu')
a.add_argument('--seconds', type=float, default=8); a.add_argument('--layout', default='channels_last'); a.add_argument('--tf32', action='store_true'); a.add_argument('--compile', default='')
a.add_argument('--task', default='forward,input_grad,standard,pgd-at,trades'); a.add_argument('--at-least', type=int, default=5); a.add_argument('--clock', default='wall', choices=('wall', 'cpu')); a.add_argument('--serve', action='store_true'); a = a.parse_args()
clock = time.process_time if a.clock == 'cpu' else time.perf_counter
if a.device == 'cuda': torch.backends.cuda.matmul.allow_tf32 = a.tf32; torch.backends.cudnn.allow_tf32 = a.tf32; torch.backends.cudnn.benchmark = True
fmt = torch.channels_last if a.layout == 'channels_last' else torch.contiguous_format
torch.manual_seed(0); m = net(a.arch).to(a.device).to(memory_format=fmt)
if a.compile: m = torch.compile(m, mode=None if a.compile == 'default' else a.compile)
opt = torch.optim.SGD(m.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
x = torch.rand(a.batch, 3, 32, 32, device=a.device).contiguous(memory_format=fmt); y = torch.randint(0, 10, (a.batch,), device=a.device); eps, step = 8 / 255, 2 / 255

def ascend(loss, start, steps):
    adv = start
    for _ in range(steps):
        adv = adv.detach().requires_grad_(); g, = torch.autograd.grad(loss(adv), [adv])
        adv = torch.min(torch.max(adv.detach() + step * g.sign(), x - eps), x + eps).clamp_(0, 1)
    return adv.detach()
def update(loss): opt.zero_grad(set_to_none=True); loss.backward(); opt.step()
def forward():
    m.eval()
    with torch.no_grad(): m(x)
def input_grad(): m.eval(); ascend(lambda z: F.cross_entropy(m(z), y), x, 1)
def standard(): m.train(); update(F.cross_entropy(m(x), y))
def pgd_at(): m.eval(); adv = ascend(lambda z: F.cross_entropy(m(z), y), (x + torch.empty_like(x).uniform_(-eps, eps)).clamp_(0, 1), 7); m.train(); update(F.cross_entropy(m(adv), y))
def trades():
    m.eval(); p = F.softmax(m(x).detach(), 1); kl = lambda z: F.kl_div(F.log_softmax(m(z), 1), p, reduction='sum')
    adv = ascend(kl, x + .001 * torch.randn_like(x), 10); m.train(); lo = m(x)
    update(F.cross_entropy(lo, y) + 6. / a.batch * F.kl_div(F.log_softmax(m(adv), 1), F.softmax(lo, 1), reduction='sum'))
def sync():
    if a.device == 'cuda': torch.cuda.synchronize()
out = dict(torch=torch.__version__, device=a.device, threads=torch.get_num_threads(), arch=a.arch, batch=a.batch, layout=a.layout, tf32=a.tf32, compile=a.compile, images_per_second={})
steps = {'forward': forward, 'input_grad': input_grad, 'standard': standard, 'pgd-at': pgd_at, 'trades': trades}
def measure():
    for name in a.task.split(','):
        fn = steps[name]; fn(); fn(); sync(); times = []; t_end = time.time() + a.seconds
        while time.time() < t_end or len(times) < a.at_least: t = clock(); fn(); sync(); times.append(clock() - t)
        times.sort(); out['images_per_second'][name] = round(a.batch / times[len(times) // 2], 1)
    print(json.dumps(out), flush=True)
if not a.serve: measure()
else:
    for _ in sys.stdin: measure()
