"""What Arpit, Campos and Bengio (A, arXiv 1906.02341) print, recomputed."""

from __future__ import annotations

import math

import torch

from companion.chapters.weightnorm_initialization import random_networks
from companion.evidence import published, summaries
from companion.evidence.findings import Finding, judge
from companion.theory import weight_norm


def findings() -> list[Finding]:
    """Every finding about A."""
    return [
        constant(),
        first_block(),
        place_of_g(),
        batch_norm_ahead(),
        band(),
        torch_default(),
        borders(),
    ]


def constant(largest: int = 500) -> Finding:
    """Is K_n of theorem 1 equal to 1, and for which reading of S_n?"""
    sizes = range(2, largest + 1)
    off = max(abs(weight_norm.k_n(n) - 1) for n in sizes)
    other = [weight_norm.k_n(n, higher=False) for n in (2, 10, 100)]
    return Finding(
        lead="the constant K_n",
        source="A",
        where="theorem 1, equation 3",
        printed="K_n is hard to evaluate, and empirically 1 for all n > 1",
        computed=f"equation 3 is 1 within {off:.0e} for n from 2 to {largest} if S_n is the "
        f"surface of the sphere in R^(n+1); with the sphere in R^n it gives "
        f"{other[0]:.2f}, {other[1]:.2f} and {other[2]:.3f} for n = 2, 10 and 100. By symmetry "
        "K_n = 1: the n squared coordinates of a random direction add up to 1 and are alike, and "
        "a ReLU keeps half",
        verdict=judge([off < 1e-9]),
        effect="The theorem needs no empirical constant, no limit of large width, and a word on "
        "which sphere is meant.",
    )


def first_block(blocks: tuple[int, ...] = (1, 2, 3, 4, 5, 40)) -> Finding:
    """Does theorem 4's ratio, taken at h^1, lie in its band?"""
    low, high = weight_norm.stage_bounds()
    # one block fewer lies between h^1 and h^B than between h^0 and h^B
    ratios = {b: (1 + 1 / b) ** ((b - 1) / 2) for b in blocks}
    inside = [low - 1e-12 <= ratio <= high for ratio in ratios.values()]
    right = [low - 1e-12 <= (1 + 1 / b) ** (b / 2) <= high for b in blocks]
    said = ", ".join(f"{ratio:.3f} (B = {b})" for b, ratio in ratios.items())
    return Finding(
        lead="the gradient at h^1",
        source="A",
        where="theorem 4, equation 8",
        printed="the gradient at h^1 is c times that at h^B, with c from √2 to √e",
        computed=f"(1 + 1/B)^((B-1)/2): {said}; at h^0, with all B blocks, c lies in the band for "
        f"{sum(right)} of {len(right)}",
        verdict=judge(inside),
        effect="With h^0 for h^1 the theorem is right; the difference matters for four blocks or "
        "fewer.",
    )


def place_of_g(seed: int = 0) -> Finding:
    """Does equation 5 give the gradient, with g outside the product as printed, or inside?"""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"one width": (6, 6, 6), "three widths": (6, 5, 4)}
    inside, outside = [], []
    for below, here, above in sizes.values():
        x = torch.randn(below, generator=generator, dtype=torch.float64)
        w, u = (torch.randn(*s, generator=generator, dtype=torch.float64)
                for s in ((here, below), (above, here)))  # fmt: skip
        u = u / u.norm(dim=1, keepdim=True)
        g = torch.rand(above, generator=generator, dtype=torch.float64) + 0.5
        back = torch.randn(above, generator=generator, dtype=torch.float64)
        a = (w @ x).requires_grad_(True)
        (found,) = torch.autograd.grad((g * (u @ a.relu()) * back).sum(), a)
        open_units = (a.detach() > 0).double()
        inside.append(bool(torch.allclose(open_units * (u.T @ (g * back)), found)))
        outside.append(
            g.shape == a.shape and bool(torch.allclose(g * open_units * (u.T @ back), found))
        )
    return Finding(
        lead="the place of g",
        source="A",
        where="equation 5",
        printed="g^(l+1) multiplies the product of the transposed directions and the gradient",
        computed=f"autograd agrees with g inside the product in {sum(inside)} of {len(inside)} "
        f"networks, and outside in {sum(outside)}; outside, its length is that of the wrong "
        "layer where widths differ",
        verdict=judge(outside),
        effect="None for the theorem: every element of g is the same number there.",
    )


def batch_norm_ahead() -> Finding:
    """Is WRN-40-10 the only architecture for which batch norm has the lower error in Table 1?"""
    rows = published.rows("A", "1")
    ahead, said = [], []
    for network in ("c10 resnet56", "c10 resnet110", "c10 wrn40-10", "c100 resnet164"):
        mine = rows[rows["cell"].str.startswith(network)]
        batch = mine[mine["cell"] == f"{network} batch"].iloc[0]
        weight = mine[mine["cell"].str.contains("forward|data")].sort_values("mean").iloc[0]
        words = f"{network.split()[-1]} {batch['mean']:.2f} against {weight['mean']:.2f}"
        if not math.isnan(batch["sd"]):
            gap = summaries.difference(
                *(
                    summaries.from_printed(row["mean"], row["sd"], int(row["runs"]))
                    for row in (weight, batch)
                )
            )
            words += f" (difference {gap.low:.2f} to {gap.high:.2f})"
        said.append(words)
        if batch["mean"] < weight["mean"]:
            ahead.append(network.split()[-1])
    return Finding(
        lead="where batch norm is ahead",
        source="A",
        where="section 5.2 and Table 1",
        printed="the only architecture for which batch norm is superior is WRN-40-10",
        computed=f"Table 1 has batch norm below the best weight-norm error for {', '.join(ahead)}: "
        f"{'; '.join(said)}",
        verdict=judge([ahead == ["wrn40-10"]]),
        effect="Of ResNet-110 and ResNet-164 the intervals hold 0, so the two are even; for "
        "ResNet-56 the value is another paper's, without a spread.",
    )


def band(stages: tuple[int, ...] = (6, 6, 6)) -> Finding:
    """Does a network of several stages stay within the band of theorem 3?"""
    low, high = weight_norm.stage_bounds()
    one, all_ = weight_norm.residual_length(stages[:1]), weight_norm.residual_length(stages)
    return Finding(
        lead="the band of several stages",
        source="A",
        where="section 4, shortcut connections",
        printed="theorems 3 and 4 treat each stage of the network as a residual network",
        computed=f"a stage of {stages[0]} blocks multiplies a signal's length by {one:.2f}, "
        f"between {low:.2f} and {high:.2f}; {len(stages)} of them by {all_:.2f}, at most "
        f"{weight_norm.stage_bounds(len(stages))[1]:.2f}",
        verdict=judge([low <= one <= high]),
        effect="Independent of the number of blocks, not of the number of stages: K stages reach "
        "e^(K/2).",
    )


def torch_default(blocks: int = 18) -> Finding:
    """Which weights does "PyTorch default" take the lengths of?"""
    grown = {
        words: (1 + length**4 / 2) ** (blocks / 2)
        for words, length in (("1/√3", 1 / math.sqrt(3)), ("1", 1.0), ("√2", math.sqrt(2)))
    }
    said = ", ".join(f"length {words}: {factor:.3g} times" for words, factor in grown.items())
    return Finding(
        lead="PyTorch's default",
        source="A",
        where="section 5.1, footnote 6, and Table 2",
        printed="PyTorch's default takes g = |W|, and is among the most curved starts",
        computed=f"|W| is about 1/√3 in a new layer, 1 where W has been drawn with orthogonal rows "
        f"and √2 by Kaiming's scheme, as A's published code does before it wraps; {blocks} blocks "
        f"of one width make a signal longer by {said}",
        verdict="left open",
        effect="A new layer's lengths are the flattest of all starts in chapter 6's residual "
        "networks, and length 1 the most curved: the ranking of Table 2 hangs on which is meant.",
    )


def borders(layers: int = 40, channels: int = 16) -> Finding:
    """Does the rule keep signals in deep convolutional networks whose images are small?"""
    bare, counted = (
        random_networks.convolutional(start, layers, channels) for start in ("forward", "corrected")
    )
    side = random_networks.SIDE // 4  # behind two strides of 2
    read = weight_norm.reads(side, 3, padding=1)
    return Finding(
        lead="what borders take",
        source="A",
        where="section 3, implementation details",
        printed="the results apply to fully connected and to convolutional networks, with k²c for "
        "the fans",
        computed=f"in images of {side} by {side} with zero padding {read:.2f} of 3 taps along an "
        f"axis read an input, so a layer keeps {read / 3:.3f} of a flat signal's length; {layers} "
        f"layers of {channels} channels keep {bare[0]:.2g} of a signal's and {bare[1]:.2g} of a "
        f"gradient's, and with fans counted at that size {counted[0]:.2g} and {counted[1]:.2g}",
        verdict=judge([0.5 < value < 2 for value in bare[:2]]),
        effect="In A's plain convolutional networks the proposed start fades with depth too, and "
        "two strides halve the signal twice before; a fan counted at the image's size gives most "
        "of it back.",
    )
