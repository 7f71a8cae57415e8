"""The checked-in networks, layer by layer: against lists that are not ours, and the sizes in the papers."""

import csv
from collections import Counter
from math import prod
from pathlib import Path

import pytest

from tandemsim.traces.codec import find, load

LISTS = Path(__file__).parent / "layers"


def layers_of(name):
    """The layers of a checked-in trace that multiply, in order; an attention is two batches of products."""
    for op in load(find(name)).ops:
        if op.kind == "conv2d":
            image = op.dim("in_channels"), op.dim("height"), op.dim("width")
            kernel = op.dim("kernel_h"), op.dim("kernel_w"), op.dim("groups")
            yield "conv", image, op.dim("out_channels"), kernel, op.macs
        elif op.kind == "gemm":
            yield "gemm", op.dim("m") * op.dim("batch"), op.dim("k"), op.dim("n"), op.macs
        elif op.kind == "attention":
            heads, width = op.dim("batch") * op.dim("heads"), op.dim("head_dim")
            queries, keys = op.dim("q_len"), op.dim("kv_len")
            yield "gemm", heads * queries, width, keys, op.macs // 2
            yield "gemm", heads * queries, keys, width, op.macs // 2
        else:
            assert not op.macs


def listed(name):
    """The same of a list."""
    for row in csv.DictReader((LISTS / f"{name}.csv").open()):
        number = {key: int(value) for key, value in row.items() if value.isdecimal()}
        if row["kind"] == "conv":
            image = number["in_c"], number["in_h"], number["in_w"]
            yield (
                "conv",
                image,
                number["out_c"],
                (number["kh"], number["kw"], number["groups"]),
                number["macs"],
            )
        elif row["kind"] != "vector":
            rows = number["batch"] * number["M"] if row["batch"] else number["M"]
            yield "gemm", rows, number["K"], number["N"], number["macs"]


@pytest.mark.parametrize("name", [path.stem for path in sorted(LISTS.glob("*.csv"))])
def test_every_layer_is_that_of_the_list(name):
    ours, theirs = list(layers_of(name)), list(listed(name))
    assert len(theirs) >= 16 and Counter(ours) == Counter(theirs)
    if name != "inceptionv3":  # whose branches the list has in another order
        assert ours == theirs


# -- sizes that the papers print ----------------------------------------------------------------------------


def conv(side, in_channels, out_channels, kernel=1, groups=1):
    """MACs of a convolution with an output of side x side, or of (height, width)."""
    taps = kernel * kernel if isinstance(kernel, int) else prod(kernel)
    return side * side * out_channels * in_channels // groups * taps


def encoder(layers, hidden, ffn, tokens, keys=None):
    """MACs of the layers of a transformer: three projections, attention, a projection, the feed-forward."""
    square, attention = tokens * hidden * hidden, 2 * tokens * (keys or tokens) * hidden
    return layers * [square, square, square, attention, square, tokens * hidden * ffn, tokens * ffn * hidden]


def gpt2():
    """Radford et al. 2019, smallest model; the three projections of its attention are one product."""
    tokens, hidden = 1024, 768
    square = tokens * hidden * hidden
    return 12 * [3 * square, 2 * tokens * tokens * hidden, square, 4 * square, 4 * square]


def whisper_small():
    """Radford et al., arXiv 2212.04356, section 2.2 and table 1: 80 mel channels, 3000 frames, stride 2."""
    hidden, frames = 768, 3000
    stem = [frames * hidden * 80 * 3, frames // 2 * hidden * hidden * 3]
    return stem + encoder(12, hidden, 4 * hidden, frames // 2)


def swin_tiny():
    """Liu et al., arXiv 2103.14030, section 3.3: C = 96, layers 2 2 6 2, windows of 7x7, heads of 32."""
    side, width, window = 56, 96, 7 * 7
    found = [conv(side, 3, width, 4)]
    for layers in (2, 2, 6, 2):
        found += encoder(layers, width, 4 * width, side * side, window)
        side, width = side // 2, 2 * width
        found.append(side * side * 2 * width * width)  # four tokens of half the width become one
    return [*found[:-1], 768 * 1000]


def mobilenet_v2():
    """Sandler et al., arXiv 1801.04381, table 2."""
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
    side, channels = 112, 32
    found = [conv(side, 3, channels, 3)]
    for factor, width, count, stride in (*rows, (6, 320, 1, 1)):
        for number in range(count):
            inner = factor * channels
            if factor > 1:
                found.append(conv(side, channels, inner))
            side //= stride if number == 0 else 1
            found += [conv(side, inner, inner, 3, inner), conv(side, inner, width)]
            channels = width
    return [*found, conv(side, channels, 1280), 1280 * 1000]


def efficientnet_b0():
    """Tan and Le, arXiv 1905.11946, table 1; a block squeezes to a quarter of its input."""
    rows = ((1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1))
    side, channels = 112, 32
    found = [conv(side, 3, channels, 3)]
    for factor, kernel, width, count, stride in (*rows, (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)):
        for number in range(count):
            inner, squeezed = factor * channels, channels // 4
            if factor > 1:
                found.append(conv(side, channels, inner))
            side //= stride if number == 0 else 1
            found += [conv(side, inner, inner, kernel, inner)]
            found += [conv(1, inner, squeezed), conv(1, squeezed, inner), conv(side, inner, width)]
            channels = width
    return [*found, conv(side, channels, 1280), 1280 * 1000]


def googlenet():
    """Szegedy et al., arXiv 1409.4842: the columns of table 1."""
    rows = {
        28: ((192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64)),
        14: (
            (480, 192, 96, 208, 16, 48, 64),
            (512, 160, 112, 224, 24, 64, 64),
            (512, 128, 128, 256, 24, 64, 64),
            (512, 112, 144, 288, 32, 64, 64),
            (528, 256, 160, 320, 32, 128, 128),
        ),
        7: ((832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128)),
    }
    found = [conv(112, 3, 64, 7), conv(56, 64, 64), conv(56, 64, 192, 3)]
    for side, modules in rows.items():
        for width, one, reduce3, three, reduce5, five, pooled in modules:
            found += [conv(side, width, one), conv(side, width, reduce3), conv(side, reduce3, three, 3)]
            found += [conv(side, width, reduce5), conv(side, reduce5, five, 5), conv(side, width, pooled)]
    return [*found, 1024 * 1000]


def tiny_yolo():
    """Darknet's yolov2-tiny-voc.cfg: a pooling halves the image after each of the first five convolutions."""
    widths = (3, 16, 32, 64, 128, 256, 512, 1024, 1024)
    sides = (416, 208, 104, 52, 26, 13, 13, 13)
    pairs = zip(sides, widths, widths[1:], strict=False)
    return [*(conv(side, a, b, 3) for side, a, b in pairs), conv(13, 1024, 125)]


def ssd_resnet34():
    """MLPerf Inference 0.5: ResNet-34 without its last stage, the third without stride, and six maps."""
    found = [conv(600, 3, 64, 7), *6 * [conv(300, 64, 64, 3)]]
    found += [
        conv(150, 64, 128, 3),
        conv(150, 128, 128, 3),
        conv(150, 64, 128),
        *6 * [conv(150, 128, 128, 3)],
    ]
    found += [conv(150, 128, 256, 3), conv(150, 256, 256, 3), conv(150, 128, 256)]
    found += 10 * [conv(150, 256, 256, 3)]
    maps = [(150, 256)]
    for side, narrow, width in ((75, 256, 512), (38, 256, 512), (19, 128, 256), (9, 128, 256), (7, 128, 256)):
        found += [conv(maps[-1][0], maps[-1][1], narrow), conv(side, narrow, width, 3)]
        maps.append((side, width))
    boxes = list(zip((50, 25, 13, 7, 3, 3), maps, (4, 6, 6, 6, 4, 4), strict=True))
    for values in (4, 81):
        found += [conv(side, width, values * count, 3) for side, (_, width), count in boxes]
    return found


def ssd300_resnet34():
    """MLPerf Training: the same backbone on 300 x 300, maps of 38 to 1; 8,732 boxes, as SSD's paper has."""
    found = [conv(150, 3, 64, 7), *6 * [conv(75, 64, 64, 3)]]
    found += [conv(38, 64, 128, 3), conv(38, 128, 128, 3), conv(38, 64, 128), *6 * [conv(38, 128, 128, 3)]]
    found += [conv(38, 128, 256, 3), conv(38, 256, 256, 3), conv(38, 128, 256)]
    found += 10 * [conv(38, 256, 256, 3)]
    maps = [(38, 256)]
    for side, narrow, width in ((19, 256, 512), (10, 256, 512), (5, 128, 256), (3, 128, 256), (1, 128, 256)):
        found += [conv(maps[-1][0], maps[-1][1], narrow), conv(side, narrow, width, 3)]
        maps.append((side, width))
    boxes = list(zip(maps, (4, 6, 6, 6, 4, 4), strict=True))
    assert sum(side * side * count for (side, _), count in boxes) == 8732
    for values in (4, 81):
        found += [conv(side, width, values * count, 3) for (side, width), count in boxes]
    return found


def unet():
    """Ronneberger et al., arXiv 1505.04597, figure 1: the sides and channels that it prints."""
    down = ((572, 1, 64), (284, 64, 128), (140, 128, 256), (68, 256, 512), (32, 512, 1024))
    up = ((28, 1024, 512), (52, 512, 256), (100, 256, 128), (196, 128, 64))
    found = []
    for side, width, channels in down:
        found += [conv(side - 2, width, channels, 3), conv(side - 4, channels, channels, 3)]
    for side, width, channels in up:
        found.append(side * side * width * channels * 4)  # each pixel becomes four
        found += [conv(2 * side - 2, width, channels, 3), conv(2 * side - 4, channels, channels, 3)]
    return [*found, conv(388, 64, 2)]


# -- language models of today -------------------------------------------------------------------------------


def causal_pairs(tokens, window):
    """Pairs of a query with itself and the `window` - 1 tokens before it."""
    window = min(window, tokens)
    return tokens * window - window * (window - 1) // 2


def decoder(tokens, hidden, ffn, heads, kv_heads, head_dim, pairs):
    """MACs of a layer with grouped keys and a gated feed-forward; `pairs` are those of each head."""
    query, key = tokens * hidden * heads * head_dim, tokens * hidden * kv_heads * head_dim
    wide = tokens * hidden * ffn
    return [query, key, key, 2 * heads * head_dim * pairs, query, wide, wide, wide]


def mistral():
    """Jiang et al., arXiv 2310.06825, table 1."""
    layer = decoder(8192, 4096, 14336, 32, 8, 128, causal_pairs(8192, 4096))
    return 32 * layer + [8192 * 4096 * 32000]


def llama3(tokens, pairs):
    """Grattafiori et al., arXiv 2407.21783, table 3; all pairs of a causal attention count, masked or not."""
    return 32 * decoder(tokens, 4096, 14336, 32, 8, 128, pairs) + [tokens * 4096 * 128256]


def gemma3():
    """Of google/gemma_pytorch, gemma/config.py: five layers of 1024 keys, then one of all, and so on."""
    tokens = 8192
    pairs = [tokens * tokens if layer % 6 == 5 else causal_pairs(tokens, 1024) for layer in range(34)]
    layers = [decoder(tokens, 2560, 10240, 8, 4, 256, count) for count in pairs]
    return [*sum(layers, []), tokens * 2560 * 262208]


def gpt_oss():
    """OpenAI, arXiv 2508.10925: 24 layers, every other one of 128 keys; a token goes to 4 of 32 experts."""
    tokens, hidden = 8192, 2880
    found = []
    for layer in range(24):
        pairs = tokens * tokens if layer % 2 else causal_pairs(tokens, 128)
        found += decoder(tokens, hidden, 0, 64, 8, 64, pairs)[:5]
        found += [tokens * hidden * 32, 4 * tokens * hidden * 2 * hidden, 4 * tokens * hidden * hidden]
    return [*found, tokens * hidden * 201088]


def modernbert():
    """Warner et al., arXiv 2412.13663: one product makes all projections, one gate and feed-forward."""
    tokens, hidden, ffn = 8192, 768, 1152
    band = causal_pairs(tokens, 65) * 2 - tokens  # 64 tokens to either side
    found = []
    for layer in range(22):
        pairs = band if layer % 3 else tokens * tokens
        found += [3 * tokens * hidden * hidden, 2 * hidden * pairs, tokens * hidden * hidden]
        found += [2 * tokens * hidden * ffn, tokens * ffn * hidden]
    return found


#: Layers of networks for which there is no list. BERT is Devlin et al., arXiv 1810.04805, section 3.
PRINTED = {
    "bert-base-512": [*encoder(12, 768, 3072, 512), 768 * 768],
    "bert-large-384": [*encoder(24, 1024, 4096, 384), 1024 * 1024],
    "gpt2-1024": gpt2(),
    "whisper-small-encoder": whisper_small(),
    "swin-t": swin_tiny(),
    "mobilenet-v2": mobilenet_v2(),
    "efficientnet-b0": efficientnet_b0(),
    "googlenet": googlenet(),
    "tiny-yolov2": tiny_yolo(),
    "ssd-resnet34": ssd_resnet34(),
    "ssd-resnet34-300": ssd300_resnet34(),
    "unet": unet(),
    "mistral-7b-8k": mistral(),
    "gemma3-4b-8k": gemma3(),
    "gpt-oss-20b-8k": gpt_oss(),
    "modernbert-8k": modernbert(),
    "llama3-8b-2k": llama3(2048, 2048 * 2048),
    "llama3-8b-decode": llama3(1, 2049),
}


@pytest.mark.parametrize("tokens, window", [(1, 1), (9, 4), (9, 9), (9, 20), (64, 17)])
def test_pairs_of_a_causal_window_are_those_of_its_mask(tokens, window):
    pairs = [(i, j) for i in range(tokens) for j in range(tokens) if 0 <= i - j < window]
    assert causal_pairs(tokens, window) == len(pairs)


@pytest.mark.parametrize("name", PRINTED)
def test_every_layer_does_the_macs_that_follow_from_the_paper(name):
    assert [op.macs for op in load(find(name)).ops if op.macs] == PRINTED[name]


# MLPerf Inference 0.5 prints 433 GFLOP for the detector, the papers 0.39 and 4.5 billion multiply-adds.
@pytest.mark.parametrize(
    "name, operations, published",
    [("ssd-resnet34", 2, "433"), ("efficientnet-b0", 1, "0.39"), ("swin-t", 1, "4.5")],
)
def test_the_total_rounds_to_the_published_one(name, operations, published):
    total = operations * load(find(name)).macs / 1e9
    assert f"{total:.{len(published.partition('.')[2])}f}" == published
