#!/usr/bin/env python3
"""The training step of bench/train_step_bench.cpp in PyTorch on the CPU, at its best.

    python3 bench/peers/pytorch_train_step.py [--threads 1 2] [--steps 5] [--repetitions 5]

Tries each configuration in a process of its own, for each number of threads: PyTorch as it comes;
with the fused operators and the fused AdamW that it has (flags of this file's CONFIGURATIONS); and
compiled by torch.compile; each with OpenMP threads that are bound to a core or not, and that spin
or sleep between the loops. Prints for each the milliseconds of a step (the median of the
repetitions, and their spread), samples per second and the peak of resident memory, and the best in
the end. Denormals are flushed and oneDNN is on in all of them, products are in f32.

PyTorch is no dependency of Chainline. It needs python3 with torch: Debian 12 has 1.13 in the
package python3-torch; `python3 -m venv torch && torch/bin/pip install torch` gets the current one,
some gigabytes with the CUDA libraries that it asks for. torch.compile needs g++.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time

BATCH, IMAGE, PATCH, CHANNELS, HEADS, LAYERS = 32, 64, 8, 192, 6, 6
VISION_HIDDEN, TEXT_HIDDEN, VOCABULARY, TEXT = 768, 512, 512, 24
PATCHES = (IMAGE // PATCH) ** 2
TOKENS = PATCHES + TEXT

# What is tried: the model and the optimizer, then the threads of OpenMP.
CONFIGURATIONS = ("plain", "fused", "compiled")
THREADS = {
    "free": {},
    "bound": {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
    "bound, passive": {
        "OMP_PROC_BIND": "close",
        "OMP_PLACES": "cores",
        "OMP_WAIT_POLICY": "passive",
        "KMP_BLOCKTIME": "0",
    },
}


def build(fused):
    """The model of bench/model_shapes.h; `fused` with the fused operators that this PyTorch has."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    if fused and hasattr(F, "scaled_dot_product_attention"):
        attend = F.scaled_dot_product_attention
    else:  # all there was before 2.0

        def attend(q, k, v, is_causal=False):
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            if is_causal:
                hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
                scores = scores.masked_fill(hidden, float("-inf"))
            return scores.softmax(-1) @ v

    class RmsNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(CHANNELS))

        def forward(self, x):
            if fused and hasattr(F, "rms_norm"):
                return F.rms_norm(x, (CHANNELS,), self.weight, 1e-5)
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight

    half = CHANNELS // HEADS // 2
    angles = torch.arange(TOKENS)[:, None] * 10000.0 ** (-torch.arange(half) / half)
    cos, sin = angles.cos(), angles.sin()

    def rotate(x):
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    class Attention(nn.Module):
        def __init__(self, causal, bias):
            super().__init__()
            self.causal = causal
            self.q, self.k, self.v, self.out = (
                nn.Linear(CHANNELS, CHANNELS, bias) for _ in range(4)
            )

        def forward(self, x):
            shape = (*x.shape[:2], HEADS, CHANNELS // HEADS)
            q, k, v = (f(x).view(shape).transpose(1, 2) for f in (self.q, self.k, self.v))
            if self.causal:
                q, k = rotate(q), rotate(k)
            return self.out(attend(q, k, v, is_causal=self.causal).transpose(1, 2).flatten(2))

    class VisionBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(CHANNELS), nn.LayerNorm(CHANNELS)
            self.attention = Attention(causal=False, bias=True)
            self.fc1 = nn.Linear(CHANNELS, VISION_HIDDEN)
            self.fc2 = nn.Linear(VISION_HIDDEN, CHANNELS)

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    class TextBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = RmsNorm(), RmsNorm()
            self.attention = Attention(causal=True, bias=False)
            self.gate = nn.Linear(CHANNELS, TEXT_HIDDEN, False)
            self.up = nn.Linear(CHANNELS, TEXT_HIDDEN, False)
            self.down = nn.Linear(TEXT_HIDDEN, CHANNELS, False)

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            h = self.norm2(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Linear(3 * PATCH * PATCH, CHANNELS, False)
            self.positions = nn.Parameter(torch.zeros(PATCHES, CHANNELS))
            self.pre_norm = nn.LayerNorm(CHANNELS)
            self.vision = nn.Sequential(*(VisionBlock() for _ in range(LAYERS)))
            self.projector = nn.Sequential(
                nn.Linear(CHANNELS, CHANNELS), nn.GELU(), nn.Linear(CHANNELS, CHANNELS)
            )
            self.embedding = nn.Embedding(VOCABULARY, CHANNELS)
            self.text = nn.Sequential(*(TextBlock() for _ in range(LAYERS)))
            self.norm = RmsNorm()
            self.head = nn.Linear(CHANNELS, VOCABULARY, False)

        def forward(self, images, ids):
            rows = F.unfold(images, PATCH, stride=PATCH).transpose(1, 2)
            x = self.vision(self.pre_norm(self.patches(rows) + self.positions))
            x = torch.cat((self.projector(x), self.embedding(ids)), 1)
            return self.head(self.norm(self.text(x)))

    torch.manual_seed(1)
    return Model()


def measure(configuration, threads, steps, repetitions):
    """One configuration in this process; prints a line."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.flags(enabled=True).__enter__()
    fused = configuration != "plain"
    model = build(fused)
    parameters = sum(p.numel() for p in model.parameters())
    options = {"lr": 1e-3, "weight_decay": 0}
    try:
        optimizer = torch.optim.AdamW(model.parameters(), fused=fused, **options)
    except (RuntimeError, TypeError):  # fused AdamW came to the CPU with 2.4
        optimizer = torch.optim.AdamW(model.parameters(), foreach=fused, **options)
    forward = torch.compile(model) if configuration == "compiled" else model
    images = torch.randn(BATCH, 3, IMAGE, IMAGE)
    ids = torch.randint(2, VOCABULARY, (BATCH, TEXT))
    # The position before a token predicts it; the second half of the text is learnt.
    targets = torch.full((BATCH, TOKENS), -100)
    targets[:, TOKENS - 1 - TEXT // 2 : TOKENS - 1] = ids[:, TEXT // 2 :]

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = forward(images, ids)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    first = step()
    # One thread is measured by its processor time, several by the wall's clock, as ours are.
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for _ in range(repetitions):
        start = clock()
        for _ in range(steps):
            last = step()
        times.append((clock() - start) / steps)
    if not last < first:
        sys.exit(f"pytorch_train_step: the loss did not fall: {first}, then {last}")
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    median = statistics.median(times)
    print(
        f"torch {torch.__version__}, {threads} threads, {configuration}: "
        f"{median * 1e3:.0f} ms/step ({min(times) * 1e3:.0f} to {max(times) * 1e3:.0f}), "
        f"{BATCH / median:.1f} samples/s, peak {peak * 1024e-6:.0f} MB, {parameters} parameters"
    )


def measure_alone(arguments, configuration, threads, environment):
    """The configuration in a process of its own; its milliseconds, None when it does not run."""
    command = [sys.executable, __file__, "--threads", str(threads)]
    command += ["--steps", str(arguments.steps), "--repetitions", str(arguments.repetitions)]
    command += ["--only", configuration]
    # OpenMP and the math library behind PyTorch read these once, when they are loaded. What the
    # caller's environment says stands.
    settings = {**environment}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        settings[name] = str(threads)
    done = subprocess.run(
        command, env={**settings, **os.environ}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no word"])[-1]
        print(f"{threads} threads, {configuration}: does not run: {reason}", flush=True)
        return None
    return done.stdout.strip()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--steps", type=int, default=5)
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--only", choices=CONFIGURATIONS, help="one, in this process")
    arguments = options.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.threads[0], arguments.steps, arguments.repetitions)
        return
    for threads in arguments.threads:
        lines = []
        for configuration in CONFIGURATIONS:
            for name, environment in THREADS.items():
                line = measure_alone(arguments, configuration, threads, environment)
                if line is None:
                    break  # the threads are not why
                lines.append(f"{line}, OpenMP threads {name}")
                print(lines[-1], flush=True)
        if not lines:
            sys.exit("pytorch_train_step: no configuration runs")
        best = min(lines, key=lambda line: int(re.search(r"(\d+) ms/step", line)[1]))
        print(f"best: {best}", flush=True)


if __name__ == "__main__":
    main()
