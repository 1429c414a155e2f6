"""Counts the Linf entries of RobustBench's zoo whose networks Rampart has an architecture for, and says why not for the others.

python3 count_zoo.py ROBUSTBENCH_CHECKOUT: reads the zoo's source, runs nothing of it. Prints `name | architecture` or `name | - | reason`.
"""
import ast
import re
import sys

# networks that the zoo names by a class of its own: what they are, and the normalisation that the class has
NAMED = {
    'Hendrycks2019UsingNet': {'cifar10': 'wrn-28-10', 'cifar100': 'wrn-28-10'},  # 2x - 1: mean and std 0.5
    'Rice2020OverfittingNet': {'cifar10': 'wrn-34-20', 'cifar100': 'preact-resnet-18'},
    'Engstrom2019RobustnessNet': 'resnet-50',
    'Wong2020FastNet': 'preact-resnet-18 shortcut=raw lastNorm=false',
    'Chen2020EfficientNet': 'wrn-34-10',
    'Wu2020AdversarialNet': 'wrn-34-10',
    'ResNet18': 'resnet-18',
    'build_swin_base': 'swin-base eps=1e-6',
    'build_swin_large': 'swin-large window=14 eps=1e-6',
}
REASONS = {
    'BoostingWideResNet': 'weights and features are normalised (Pang et al. 2020)',
    'Ding2020MMANet': 'normalises each image by its own mean and deviation',
    'Chen2020AdversarialNet': 'the mean of the probabilities of three networks',
    'ResNest152': 'split attention (ResNeSt)',
    'RobustWideResNet': 'stages of other depths and widths, and a head of its own (Huang et al. 2021)',
    'pssilu_wrn_28_10': 'a parametric activation',
    'rebuffi_sodef': 'an ordinary differential equation as a layer',
    'robust_resnet.get_model': 'a searched network',
    'get_robustarch_model': 'a searched network',
    'get_composite_model': 'several networks mixed',
    'get_nonlin_mixed_classifier': 'several networks mixed',
    'get_sparse_model': 'a sparsifying operator (MeanSparse)',
}
TIMM = {
    'convnext_base': 'convnext-base', 'convnext_large': 'convnext-large', 'vit_base_patch16_224': 'vit-base-16',
    'swin_base_patch4_window7_224': 'swin-base', 'swin_large_patch4_window7_224': 'swin-large',
}
STEMS = {'vit_s_cvst': 'vit-small-16 stem=convolution', 'vit_b_cvst': 'vit-base-16 stem=convolution', **{f'convnext_{s[0]}_cvst': f'convnext-{s} stem=convolution' for s in ('tiny', 'small', 'base', 'large')}}
TORCHVISION = {
    'pt_models.resnet18': 'resnet-18 stem=imagenet', 'pt_models.resnet50': 'resnet-50 stem=imagenet', 'pt_models.wide_resnet50_2': 'wide-resnet-50-2',
}


def constants(call, names):
    given = {name: ast.literal_eval(arg) for name, arg in zip(names, call.args) if isinstance(arg, ast.Constant)}
    given.update({k.arg: ast.literal_eval(k.value) for k in call.keywords if isinstance(k.value, (ast.Constant, ast.List))})
    return given


def architecture(node, dataset):
    """(architecture, None) or (None, reason)."""
    if isinstance(node, ast.Lambda):
        node = node.body
    name = ast.unparse(node.func if isinstance(node, ast.Call) else node)
    if name == 'normalize_model':
        return architecture(node.args[0], dataset)
    if name in NAMED:
        named = NAMED[name]
        return (named if isinstance(named, str) else named[dataset]), None
    if name in REASONS:
        return None, REASONS[name]
    if not isinstance(node, ast.Call):
        return None, f'{name} is not known'
    if name == 'WideResNet':
        p = {'depth': 28, 'widen_factor': 10, 'bias_last': True, **constants(node, ['depth', 'widen_factor'])}
        return f"wrn-{p['depth']}-{p['widen_factor']}" + ('' if p['bias_last'] else ' lastBias=false'), None
    if name in ('DMWideResNet', 'DMPreActResNet'):
        p = {'depth': 28 if name == 'DMWideResNet' else 18, 'width': 10, **constants(node, ['num_classes', 'depth', 'width'])}
        fn = next((ast.unparse(k.value) for k in node.keywords if k.arg == 'activation_fn'), 'nn.ReLU')
        base = f"dm-wrn-{p['depth']}-{p['width']}" if name == 'DMWideResNet' else f"dm-preact-resnet-{p['depth']}"
        return base + (' activation=relu' if fn.endswith('ReLU') else ''), None
    if name == 'PreActResNet':
        p = constants(node, [])
        raw = ast.unparse(node.args[0]) == 'PreActBlock' and not p.get('out_shortcut')
        return 'preact-resnet-18' + (' shortcut=raw' if raw else '') + ('' if p.get('bn_before_fc') else ' lastNorm=false'), None
    if name == 'ResNet' and ast.unparse(node.args[0]) == 'BasicBlock' and ast.literal_eval(node.args[1]) == [2, 2, 2, 2]:
        return 'resnet-18', None
    if name == 'pt_models.resnet50' and any(k.arg == 'width_per_group' for k in node.keywords):
        return 'wide-resnet-50-2', None
    if name in TORCHVISION:
        return TORCHVISION[name], None
    if name == 'get_convstem_models':
        kind = ast.literal_eval(node.args[0])
        return STEMS[kind], None
    if name == 'timm.create_model':
        kind = ast.literal_eval(node.args[0])
        if kind in TIMM:
            return TIMM[kind], None
        return None, 'cross-covariance attention (XCiT)' if 'xcit' in kind else f'{kind} is not known'
    return None, f'{name} is not known'


def linf_entries(path):
    for node in ast.parse(open(path).read()).body:
        if not (isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == 'linf'):
            continue
        for entry in node.value.args[0].elts:
            fields = {ast.literal_eval(k): v for k, v in zip(entry.elts[1].keys, entry.elts[1].values)}
            yield entry.elts[0].value, fields['model']


def main(checkout):
    for dataset in ('cifar10', 'cifar100', 'imagenet'):
        rows = [(name, *architecture(model, dataset)) for name, model in linf_entries(f'{checkout}/robustbench/model_zoo/{dataset}.py')]
        print(f'== {dataset}: {sum(arch is not None for _, arch, _ in rows)} of {len(rows)}')
        for name, arch, reason in rows:
            print(f'{name} | {arch}' if arch else f'{name} | - | {reason}')


main(sys.argv[1])
