#!/usr/bin/env python3
"""The training step of bench/train_step_bench.cpp in PyTorch on the CPU, at its best; or, with --device
cuda, that of bench/device_step_bench.cpp on a GPU.

    python3 bench/peers/pytorch_train_step.py [--threads 1 2] [--steps 5] [--repetitions 5]
    python3 bench/peers/pytorch_train_step.py --device cuda [--steps 20]

Tries each configuration in a process of its own, for each number of threads: PyTorch as it comes;
with the fused operators and the fused AdamW that it has (flags of this file's CONFIGURATIONS); and
compiled by torch.compile; each with OpenMP threads that are bound to a core or not, and that spin
or sleep between the loops. Prints for each the milliseconds of a step (the median of the
repetitions, and their spread), samples per second and the peak of resident memory, and the best in
the end. Denormals are flushed and oneDNN is on in all of them, products are in f32.

On a GPU it tries f32 with TF32 off, and bf16 by autocast with fused attention and the fused AdamW,
each as it comes and compiled by torch.compile (mode max-autotune). Steps are timed by the wall's
clock between two synchronizations, as ours are, and memory is the most that PyTorch allocated.

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
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """As StepSizes in bench/training.h."""

    batch: int
    image: int
    patch: int
    channels: int  # of the ViT
    width: int  # of the decoder
    head: int
    layers: int
    vision_hidden: int
    text_hidden: int
    vocabulary: int
    text: int

    @property
    def patches(self):
        return (self.image // self.patch) ** 2

    @property
    def tokens(self):
        return self.patches + self.text


# bench/model_shapes.h and bench/device_shapes.h
CPU_SIZES = Sizes(32, 64, 8, 192, 192, 32, 6, 768, 512, 512, 24)
GPU_SIZES = Sizes(32, 224, 16, 384, 768, 64, 12, 1536, 2048, 32000, 60)

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


# On a GPU: the arithmetic, and whether it is compiled.
GPU_CONFIGURATIONS = ("f32", "f32 compiled", "bf16", "bf16 compiled")


def build(fused, sizes):
    """The model of these sizes; `fused` with the fused operators that this PyTorch has."""
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

    width, channels = sizes.width, sizes.channels

    class RmsNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))

        def forward(self, x):
            if fused and hasattr(F, "rms_norm"):
                return F.rms_norm(x, (width,), self.weight, 1e-5)
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight

    half = sizes.head // 2
    angles = torch.arange(sizes.tokens)[:, None] * 10000.0 ** (-torch.arange(half) / half)

    class Rotation(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("cos", angles.cos(), persistent=False)
            self.register_buffer("sin", angles.sin(), persistent=False)

        def forward(self, x):
            cos, sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
            a, b = x[..., :half], x[..., half:]
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    class Attention(nn.Module):
        def __init__(self, size, causal, bias):
            super().__init__()
            self.causal = causal
            self.q, self.k, self.v, self.out = (nn.Linear(size, size, bias) for _ in range(4))
            self.rotate = Rotation() if causal else None

        def forward(self, x):
            shape = (*x.shape[:2], x.shape[2] // sizes.head, sizes.head)
            q, k, v = (f(x).view(shape).transpose(1, 2) for f in (self.q, self.k, self.v))
            if self.causal:
                q, k = self.rotate(q), self.rotate(k)
            return self.out(attend(q, k, v, is_causal=self.causal).transpose(1, 2).flatten(2))

    class VisionBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
            self.attention = Attention(channels, causal=False, bias=True)
            self.fc1 = nn.Linear(channels, sizes.vision_hidden)
            self.fc2 = nn.Linear(sizes.vision_hidden, channels)

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    class TextBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = RmsNorm(), RmsNorm()
            self.attention = Attention(width, causal=True, bias=False)
            self.gate = nn.Linear(width, sizes.text_hidden, False)
            self.up = nn.Linear(width, sizes.text_hidden, False)
            self.down = nn.Linear(sizes.text_hidden, width, False)

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            h = self.norm2(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Linear(3 * sizes.patch**2, channels, False)
            self.positions = nn.Parameter(torch.zeros(sizes.patches, channels))
            self.pre_norm = nn.LayerNorm(channels)
            self.vision = nn.Sequential(*(VisionBlock() for _ in range(sizes.layers)))
            self.projector = nn.Sequential(
                nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width)
            )
            self.embedding = nn.Embedding(sizes.vocabulary, width)
            self.text = nn.Sequential(*(TextBlock() for _ in range(sizes.layers)))
            self.norm = RmsNorm()
            self.head = nn.Linear(width, sizes.vocabulary, False)

        def forward(self, images, ids):
            rows = F.unfold(images, sizes.patch, stride=sizes.patch).transpose(1, 2)
            x = self.vision(self.pre_norm(self.patches(rows) + self.positions))
            x = torch.cat((self.projector(x), self.embedding(ids)), 1)
            return self.head(self.norm(self.text(x)))

    torch.manual_seed(1)
    return Model()


def data(sizes, device):
    """Random images and text, of which the second half is learnt: the position before predicts it."""
    import torch

    images = torch.randn(sizes.batch, 3, sizes.image, sizes.image)
    ids = torch.randint(2, sizes.vocabulary, (sizes.batch, sizes.text))
    targets = torch.full((sizes.batch, sizes.tokens), -100)
    learnt = sizes.text // 2
    targets[:, sizes.tokens - 1 - learnt : sizes.tokens - 1] = ids[:, sizes.text - learnt :]
    return images.to(device), ids.to(device), targets.to(device)


def measure_on_gpu(configuration, sizes, steps, repetitions, device="cuda"):
    """One configuration on the GPU in this process; prints a line."""
    import torch
    from torch.nn import functional as F

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    model = build(True, sizes).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0, fused=True)
    forward = torch.compile(model, mode="max-autotune") if "compiled" in configuration else model
    images, ids, targets = data(sizes, device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=configuration.startswith("bf16")):
            logits = forward(images, ids)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    first = step().item()
    for _ in range(3):  # compiles, and chooses kernels
        step()
    times = []
    for _ in range(repetitions):
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            last = step().item()  # our step returns its loss, too
        wait()
        times.append((time.perf_counter() - start) / steps)
    if not last < first:
        sys.exit(f"pytorch_train_step: the loss did not fall: {first}, then {last}")
    median = statistics.median(times)
    on_gpu = device == "cuda"
    name = torch.cuda.get_device_name() if on_gpu else device
    peak = torch.cuda.max_memory_allocated() * 1e-6 if on_gpu else 0
    print(
        f"torch {torch.__version__}, {name}, {configuration}: "
        f"{median * 1e3:.2f} ms/step ({min(times) * 1e3:.2f} to {max(times) * 1e3:.2f}), "
        f"{sizes.batch / median:.1f} samples/s, peak {peak:.0f} MB, {parameters} parameters"
    )


def measure(configuration, threads, steps, repetitions):
    """One configuration in this process; prints a line."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.flags(enabled=True).__enter__()
    fused = configuration != "plain"
    model = build(fused, CPU_SIZES)
    parameters = sum(p.numel() for p in model.parameters())
    options = {"lr": 1e-3, "weight_decay": 0}
    try:
        optimizer = torch.optim.AdamW(model.parameters(), fused=fused, **options)
    except (RuntimeError, TypeError):  # fused AdamW came to the CPU with 2.4
        optimizer = torch.optim.AdamW(model.parameters(), foreach=fused, **options)
    forward = torch.compile(model) if configuration == "compiled" else model
    images, ids, targets = data(CPU_SIZES, "cpu")

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
        f"{CPU_SIZES.batch / median:.1f} samples/s, peak {peak * 1024e-6:.0f} MB, {parameters} parameters"
    )


def run(command, environment, called):
    """The line of a process of its own; None, with the reason printed, when it does not run."""
    done = subprocess.run(
        command, env={**environment, **os.environ}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no word"])[-1]
        print(f"{called}: does not run: {reason}", flush=True)
        return None
    return done.stdout.strip()


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
    return run(command, settings, f"{threads} threads, {configuration}")


def print_best(lines):
    if not lines:
        sys.exit("pytorch_train_step: no configuration runs")
    best = min(lines, key=lambda line: float(re.search(r"([0-9.]+) ms/step", line)[1]))
    print(f"best: {best}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--steps", type=int, default=5)
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options.add_argument(
        "--only", choices=CONFIGURATIONS + GPU_CONFIGURATIONS, help="one, in this process"
    )
    arguments = options.parse_args()
    if arguments.only in GPU_CONFIGURATIONS:
        measure_on_gpu(arguments.only, GPU_SIZES, arguments.steps, arguments.repetitions)
        return
    if arguments.device == "cuda":
        lines = []
        for configuration in GPU_CONFIGURATIONS:
            command = [sys.executable, __file__, "--steps", str(arguments.steps)]
            command += ["--repetitions", str(arguments.repetitions), "--only", configuration]
            line = run(command, {}, configuration)
            if line is not None:
                lines.append(line)
                print(line, flush=True)
        print_best([line for line in lines if ", bf16" in line] or lines)
        return
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
        print_best(lines)


if __name__ == "__main__":
    main()
