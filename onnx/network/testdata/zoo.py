"""Exports networks to ONNX, each into a directory of its own with what PyTorch computes of it:

    python3 zoo.py OUT SET[,SET...] [--only NAME[,NAME...]] [--exporters script,dynamo]

Sets: torchvision, timm, transformers (random weights, narrow), and formats: two networks in all
opsets and types of numbers. A directory has model.onnx, and in
reference.safetensors the inputs, the outputs ("logits", of the module itself) and the gradient of
the mean cross-entropy (labels 0, 1, 2, ...) with respect to every tensor of the file: of the file
run by PyTorch, see graph.py, since modules don't have what exporters fold. "name" in the metadata
of the file says what it is. MONGE_TEST_ONNX_ZOO=OUT go test ./onnx/network reads them."""
import argparse
import contextlib
import io
import json
import os
import struct
import sys
import traceback
import warnings

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import graph as onnxgraph

CLASSES = 10


def write_safetensors(path, tensors, metadata):
    header, blobs, at = {'__metadata__': metadata}, [], 0
    for name, t in tensors.items():
        b = t.detach().contiguous().to(torch.float32).numpy().astype('<f4').tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(t.shape), 'data_offsets': [at, at + len(b)]}
        blobs.append(b)
        at += len(b)
    h = json.dumps(header).encode()
    h += b' ' * (-len(h) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(h)) + h)
        for b in blobs:
            f.write(b)


def settle(module, seed=1):
    """No dropout, statistics that are not those of a fresh network, and no two tensors alike:
    exporters write equal ones once."""
    g = torch.Generator().manual_seed(seed)
    for m in module.modules():
        if 'Drop' in type(m).__name__ or type(m).__name__ == 'StochasticDepth':
            for k in ('p', 'drop_prob'):
                if hasattr(m, k):
                    setattr(m, k, 0.)
    with torch.no_grad():
        for p in module.parameters():
            if p.numel() > 1 and bool((p == p.reshape(-1)[0]).all()):
                p += torch.randn(p.shape, generator=g) * .1
        for k, b in module.named_buffers():
            if k.endswith('running_mean'):
                b.normal_(0, .1, generator=g)
            if k.endswith('running_var'):
                b.uniform_(.8, 1.2, generator=g)
    return module.eval()


def export(module, inputs, path, exporter, opset=None):
    """Writes an ONNX file whose minibatch may have any size."""
    names, args = list(inputs), tuple(v[:2] for v in inputs.values())
    old = torch.__version__ < '2'
    with contextlib.redirect_stdout(io.StringIO()):
        if exporter == 'script':
            axes = {n: {0: 'batch'} for n in names + ['logits']}
            kw = {} if old else {'dynamo': False}
            torch.onnx.export(module, args, path, input_names=names, output_names=['logits'], dynamic_axes=axes, opset_version=opset or 16, **kw)
        else:
            kw = {'opset_version': opset} if opset else {}
            batch = torch.export.Dim('batch', min=2, max=64)
            torch.onnx.export(module, args, path, input_names=names, output_names=['logits'], dynamo=True, verbose=False,
                              dynamic_shapes=tuple({0: batch} for _ in names), **kw)


def reference(module, inputs, folder, name):
    """Writes what PyTorch computes, and returns how far its outputs are from the file's."""
    g = onnxgraph.Graph(os.path.join(folder, 'model.onnx'))
    values = {k: v.clone().requires_grad_(True) for k, v in g.floats.items()}
    y = g.run({spec[0]: v for spec, v in zip(g.inputs, inputs.values())}, values)
    labels = torch.arange(y.shape[0]) % y.shape[1]
    torch.nn.functional.cross_entropy(y, labels).backward()
    logits = y.detach()
    if module is not None:
        with torch.no_grad():
            logits = module(*inputs.values())
    tensors = {'input.' + k: v for k, v in inputs.items()}
    tensors['logits'] = logits
    for k, v in values.items():
        if v.grad is not None:
            tensors['grad.' + k] = v.grad
    size = sum(p.numel() for p in module.parameters()) if module is not None else 0
    write_safetensors(os.path.join(folder, 'reference.safetensors'), tensors, {'name': name, 'parameters': str(size)})
    return ((y - logits).abs().max() / logits.abs().max()).item()


class Logits(torch.nn.Module):
    """A model of Hugging Face's with its outputs alone."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, a, b=None, c=None):
        return self.model(**dict(zip(self.names, (a, b, c)))).logits


def images(n, size, channels=3):
    return {'input': torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(3))}


def torchvision_set():
    import torchvision.models as m
    from torchvision.models.convnext import CNBlockConfig
    convnext = lambda: m.ConvNeXt([CNBlockConfig(16, 32, 2), CNBlockConfig(32, 64, 2), CNBlockConfig(64, None, 1)], num_classes=CLASSES)
    swin = lambda: m.SwinTransformer(patch_size=[4, 4], embed_dim=32, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=CLASSES)
    vit = lambda: m.VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=CLASSES)
    maxvit = lambda: m.MaxVit(input_size=(64, 64), stem_channels=16, partition_size=2, block_channels=[16, 32], block_layers=[1, 1], head_dim=8,
                              stochastic_depth_prob=0., num_classes=CLASSES)
    plain = {'alexnet': 64, 'vgg11_bn': 32, 'resnet18': 64, 'mobilenet_v2': 64, 'mobilenet_v3_small': 64, 'efficientnet_b0': 64, 'shufflenet_v2_x0_5': 64,
             'densenet121': 64, 'squeezenet1_0': 64, 'mnasnet0_5': 64, 'regnet_x_400mf': 64, 'regnet_y_400mf': 64, 'resnext50_32x4d': 64, 'efficientnet_v2_s': 64}
    for name, size in plain.items():
        yield name, (lambda name=name: getattr(m, name)(num_classes=CLASSES)), images(3, size)
    yield 'googlenet', lambda: m.googlenet(num_classes=CLASSES, aux_logits=False, init_weights=False), images(2, 96)
    yield 'inception_v3', lambda: m.inception_v3(num_classes=CLASSES, aux_logits=False, init_weights=False), images(2, 96)
    for name, make, size in (('convnext', convnext, 64), ('swin', swin, 32), ('vit', vit, 64), ('maxvit', maxvit, 64)):
        yield name, make, images(3, size)


TIMM = {  # size of images, 0 for the model's own, and what else narrows it
    'botnet26t_256': (0, {}), 'cait_xxs24_224': (64, {'img_size': 64, 'depth': 3}), 'coat_lite_tiny': (64, {'img_size': 64}),
    'coatnet_nano_rw_224': (64, {'img_size': 64}), 'convmixer_768_32': (64, {}), 'convnext_atto': (64, {}), 'convnextv2_atto': (64, {}),
    'crossvit_tiny_240': (0, {}), 'cspdarknet53': (64, {}), 'davit_tiny': (64, {'depths': (1, 1, 1, 1), 'embed_dims': (32, 64, 96, 128), 'num_heads': (1, 2, 3, 4)}),
    'deit_tiny_distilled_patch16_224': (64, {'img_size': 64, 'depth': 3}), 'densenet121': (64, {}), 'dla46_c': (64, {}), 'dpn48b': (64, {}),
    'eca_resnext26ts': (64, {}), 'edgenext_xx_small': (64, {}), 'efficientformer_l1': (0, {}), 'efficientformerv2_s0': (0, {}), 'efficientnet_lite0': (64, {}),
    'efficientvit_b0': (64, {}), 'efficientvit_m0': (0, {}), 'ese_vovnet19b_slim': (64, {}), 'eva02_tiny_patch14_224': (56, {'img_size': 56, 'depth': 3}),
    'fastvit_t8': (64, {}), 'focalnet_tiny_srf': (64, {}), 'gcvit_xxtiny': (0, {}), 'ghostnet_050': (64, {}),
    'gmixer_12_224': (64, {'img_size': 64}), 'gmlp_ti16_224': (64, {'img_size': 64}), 'hardcorenas_a': (64, {}), 'hgnetv2_b0': (64, {}),
    'hrnet_w18_small': (64, {}), 'inception_next_atto': (64, {}), 'lambda_resnet26t': (0, {}), 'lcnet_035': (64, {}), 'levit_128s': (0, {}),
    'mambaout_femto': (64, {}), 'maxvit_rmlp_pico_rw_256': (64, {'img_size': 64}), 'mixer_s32_224': (64, {'img_size': 64}), 'mixnet_s': (64, {}),
    'mobilenetv3_small_050': (64, {}), 'mobilenetv4_conv_small_035': (64, {}), 'mobilenetv4_hybrid_medium': (64, {}), 'mobileone_s0': (64, {}), 'mobilevit_xxs': (64, {}),
    'mobilevitv2_050': (64, {}), 'nest_tiny': (64, {'img_size': 64}), 'nf_resnet26': (64, {}),
    'nfnet_l0': (64, {}), 'pit_ti_224': (64, {'img_size': 64}), 'poolformer_s12': (64, {}), 'pvt_v2_b0': (64, {}), 'regnetz_005': (64, {}),
    'regnety_002': (64, {}), 'repghostnet_050': (64, {}), 'repvgg_a0': (64, {}), 'repvit_m0_9': (64, {}), 'res2net50_14w_8s': (64, {}), 'resmlp_12_224': (64, {'img_size': 64}),
    'resnest14d': (64, {}), 'resnet10t': (64, {}), 'resnetv2_18': (64, {}), 'rexnet_100': (64, {}), 'sehalonet33ts': (0, {}), 'selecsls42': (64, {}),
    'sequencer2d_s': (0, {}), 'seresnet18': (64, {}), 'shvit_s1': (64, {}), 'skresnet18': (64, {}), 'spnasnet_100': (64, {}), 'starnet_s1': (64, {}),
    'swin_tiny_patch4_window7_224': (56, {'img_size': 56, 'depths': (2, 1), 'num_heads': (2, 4), 'embed_dim': 32}),
    'swinv2_tiny_window8_256': (64, {'img_size': 64, 'depths': (2, 1), 'num_heads': (2, 4), 'embed_dim': 32}), 'tf_efficientnet_b0': (64, {}),
    'tiny_vit_5m_224': (224, {}), 'tinynet_e': (64, {}), 'tnt_s_patch16_224': (0, {'depth': 2}), 'twins_svt_small': (64, {'img_size': 64, 'depths': (1, 1, 1, 1)}),
    'visformer_tiny': (64, {'img_size': 64}), 'vit_tiny_patch16_224': (64, {'img_size': 64, 'depth': 3}), 'vit_relpos_small_patch16_224': (64, {'img_size': 64, 'depth': 2}),
    'vit_small_patch16_dinov3': (64, {'img_size': 64, 'depth': 2}), 'volo_d1_224': (64, {'img_size': 64}), 'xcit_nano_12_p16_224': (64, {'img_size': 64, 'depth': 3}),
    'hiera_tiny_224': (0, {'stages': (1, 1, 1, 1)}), 'beit_base_patch16_224': (64, {'img_size': 64, 'depth': 2, 'embed_dim': 96, 'num_heads': 4}),
    'caformer_s18': (64, {}), 'nextvit_small': (64, {'depths': (1, 1, 2, 1)}), 'gcresnext26ts': (64, {}), 'bat_resnext26ts': (64, {}),
    'test_vit': (0, {}), 'test_resnet': (0, {}), 'test_convnext': (0, {}), 'test_efficientnet': (0, {}), 'test_nfnet': (0, {}), 'test_byobnet': (0, {}),
    'vit_so150m_patch16_reg4_map_256': (64, {'img_size': 64, 'depth': 2, 'embed_dim': 128, 'num_heads': 4}), 'naflexvit_base_patch16_gap': (0, {'depth': 1, 'embed_dim': 64, 'num_heads': 4}),
}


def timm_set():
    import timm
    for name, (size, more) in TIMM.items():
        more = dict(more)

        def make(name=name, more=more):
            return timm.create_model(name, pretrained=False, num_classes=CLASSES, **more)
        own = 224
        if not size:
            cfg = timm.get_pretrained_cfg(name)
            own = cfg.input_size[-1] if cfg else 224
        yield name, make, images(2, size or own)


def texts(n=3, tokens=12, vocabulary=100, kinds=True):
    g = torch.Generator().manual_seed(4)
    ids = torch.randint(1, vocabulary, (n, tokens), generator=g)
    ids[1, tokens // 2:] = 0
    ids[2, tokens - 1:] = 0
    out = {'input_ids': ids, 'attention_mask': (ids != 0).long()}
    if kinds:
        out['token_type_ids'] = torch.zeros_like(ids)
    return out


def transformers_set():
    import transformers as t
    small = dict(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=64, num_labels=CLASSES, pad_token_id=0)

    def text(cls, config, attention, **more):
        def make():
            config.update({'attn_implementation': attention})
            return getattr(t, cls)._from_config(config, attn_implementation=attention)
        return make

    for attention in ('eager', 'sdpa'):
        end = '.' + attention
        yield 'bert' + end, text('BertForSequenceClassification', t.BertConfig(**small), attention), texts()
        yield 'roberta' + end, text('RobertaForSequenceClassification', t.RobertaConfig(**{**small, 'type_vocab_size': 1}), attention), texts(kinds=False)
        yield 'electra' + end, text('ElectraForSequenceClassification', t.ElectraConfig(**small, embedding_size=16), attention), texts()
        yield 'distilbert' + end, text('DistilBertForSequenceClassification', t.DistilBertConfig(vocab_size=100, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64, num_labels=CLASSES), attention), texts(kinds=False)
        yield 'mpnet' + end, text('MPNetForSequenceClassification', t.MPNetConfig(**small), attention), texts(kinds=False)
        yield 'albert' + end, text('AlbertForSequenceClassification', t.AlbertConfig(**small, embedding_size=16), attention), texts()
        side = dict(image_size=32, patch_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=CLASSES)
        for name, cls, config in (('vit', 'ViTForImageClassification', t.ViTConfig(**side)), ('deit', 'DeiTForImageClassification', t.DeiTConfig(**side)),
                                  ('beit', 'BeitForImageClassification', t.BeitConfig(**side)), ('dinov2', 'Dinov2ForImageClassification', t.Dinov2Config(**side))):
            yield name + end, text(cls, config, attention), {'pixel_values': images(3, 32)['input']}
    yield 'deberta_v2', text('DebertaV2ForSequenceClassification', t.DebertaV2Config(**small, relative_attention=True, pos_att_type=['p2c', 'c2p'], position_buckets=8), 'eager'), texts()
    yield 'swin', text('SwinForImageClassification', t.SwinConfig(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4, num_labels=CLASSES), 'eager'), {'pixel_values': images(3, 32)['input']}
    yield 'mobilevit', text('MobileViTForImageClassification', t.MobileViTConfig(image_size=64, num_labels=CLASSES, hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 24, 32, 48, 64]), 'eager'), {'pixel_values': images(3, 64)['input']}
    yield 'resnet', text('ResNetForImageClassification', t.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], num_labels=CLASSES), 'eager'), {'pixel_values': images(3, 32)['input']}
    yield 'convnext', text('ConvNextForImageClassification', t.ConvNextConfig(hidden_sizes=[16, 32], depths=[1, 1], num_stages=2, num_labels=CLASSES), 'eager'), {'pixel_values': images(3, 32)['input']}


def formats(out, opsets):
    """One network in all opsets and types of numbers, its data in other files or in constants."""
    import torchvision.models as m
    vit = lambda: m.VisionTransformer(image_size=32, patch_size=16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=CLASSES)
    nets = {'vit': vit, 'mobilenet': lambda: m.mobilenet_v3_small(num_classes=CLASSES)}
    for net, make in nets.items():
        def case(name, write):
            folder = os.path.join(out, 'formats.%s.%s' % (net, name))
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, 'model.onnx')
            torch.manual_seed(1)
            module, inputs = settle(make()), images(3, 32)
            try:
                own = write(module, inputs, path)
                print('%-40s %.1e' % (net + '.' + name, reference(None if own else module, inputs, folder, name)), flush=True)
            except Exception as e:
                print('%-40s NOT EXPORTED: %s' % (net + '.' + name, repr(e).replace('\n', ' ')[:200]), flush=True)

        for v in opsets:
            case('script%d' % v, lambda module, inputs, path, v=v: export(module, inputs, path, 'script', v))
        if torch.__version__ < '2':
            continue
        import onnx
        from onnx import numpy_helper
        for v in range(18, 25):
            case('dynamo%d' % v, lambda module, inputs, path, v=v: export(module, inputs, path, 'dynamo', v))

        def changed(f):
            def write(module, inputs, path):
                export(module, inputs, path, 'script')
                model = onnx.load(path)
                return f(model, path) or onnx.save(model, path)
            return write

        for v in (9, 11, 13, 18, 21, 23, 24):
            case('converted%d' % v, changed(lambda model, path, v=v: onnx.save(onnx.version_converter.convert_version(model, v), path)))

        def retyped(dtype):
            def f(model, path):  # weights of another type, brought to float32 by Casts
                nodes = []
                for t in model.graph.initializer:
                    if t.data_type != 1 or len(t.dims) == 0:
                        continue
                    a, name = numpy_helper.to_array(t), t.name
                    t.CopyFrom(onnx.helper.make_tensor(name + '.stored', dtype, a.shape, a.reshape(-1)))
                    nodes.append(onnx.helper.make_node('Cast', [name + '.stored'], [name], to=1))
                rest = list(model.graph.node)
                del model.graph.node[:]
                model.graph.node.extend(nodes + rest)
                onnx.save(model, path)
                return True
            return changed(f)

        for name, dtype in (('float16', 10), ('bfloat16', 16), ('double', 11)):
            case('stored-' + name, retyped(dtype))
        case('half', lambda module, inputs, path: export(module.half(), {k: v.half() for k, v in inputs.items()}, path, 'script') or True)
        case('doubles', lambda module, inputs, path: export(module.double(), {k: v.double() for k, v in inputs.items()}, path, 'script') or True)

        def external(model, path):
            os.makedirs(os.path.join(os.path.dirname(path), 'data', 'deep'), exist_ok=True)
            onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location='data/deep/weights.bin', size_threshold=0)
            return True
        case('external', changed(external))

        def constants(model, path):  # as Paddle writes them
            nodes = [onnx.helper.make_node('Constant', [], [t.name], value=t) for t in model.graph.initializer]
            rest = list(model.graph.node)
            del model.graph.node[:]
            del model.graph.initializer[:]
            model.graph.node.extend(nodes + rest)
        case('constants', changed(constants))


SETS = {'torchvision': torchvision_set, 'timm': timm_set, 'transformers': transformers_set}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('out')
    p.add_argument('sets')
    p.add_argument('--only')
    p.add_argument('--exporters', default='script' if torch.__version__ < '2' else 'script,dynamo')
    p.add_argument('--opset', type=int)
    a = p.parse_args()
    warnings.filterwarnings('ignore')
    torch.set_num_threads(1)  # small tensors, and cores that may be far apart
    for which in a.sets.split(','):
        if which == 'formats':
            formats(a.out, range(7, 17) if torch.__version__ < '2' else range(9, 21))
            continue
        for name, make, inputs in SETS[which]():
            if a.only and name not in a.only.split(','):
                continue
            for exporter in a.exporters.split(','):
                folder = os.path.join(a.out, '.'.join([which, name, exporter]))
                if os.path.exists(os.path.join(folder, 'reference.safetensors')):
                    continue
                os.makedirs(folder, exist_ok=True)
                try:
                    torch.manual_seed(1)
                    module = settle(make())
                    if hasattr(module, 'config') and hasattr(module, 'can_generate'):
                        module = Logits(module, list(inputs)).eval()
                    export(module, inputs, os.path.join(folder, 'model.onnx'), exporter, a.opset)
                    print('%-40s %-8s %.1e' % (name, exporter, reference(module, inputs, folder, name)), flush=True)
                except Exception as e:
                    print('%-40s %-8s NOT EXPORTED: %s' % (name, exporter, repr(e).replace('\\n', ' ')[:300]), flush=True)
                    if os.environ.get('TRACE'):
                        traceback.print_exc()


if __name__ == '__main__':
    main()
