"""One rank of the PyTorch side of launch/bench-peers; compare.py starts it once for every rank.

It trains a network of networks.py on one batch of made-up images that stays in memory, with
DistributedDataParallel over gloo, and rank 0 prints one JSON object. Everything that makes PyTorch
fast on CPUs without changing the work is on: channels_last, denormals flushed, one thread on one
core for each rank, gradients that are views of the buckets, no broadcast of BN statistics, and the
fused SGD. With --precision bf16 the forward pass runs under autocast, as users switch it on, and with
--compile the network is compiled by TorchInductor.
"""

import argparse
import json
import math
import os
import resource
import statistics
import time
import warnings

import torch
import torch.distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from models import MODELS
from networks import network

MINIMUM_STEPS = 3


def peak_memory():
    """The largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pin_to_core(rank, ranks):
    """Binds this thread to a core of its own where there are enough.

    Called after the process group exists: gloo's threads keep the choice of all cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    if ranks <= len(cores):
        os.sched_setaffinity(0, {cores[rank]})


def sgd(parameters, lr=0.01):
    """The optimizer as one fused kernel; as loops over lists of tensors where PyTorch is too old."""
    settings = {"lr": lr, "momentum": 0.9, "weight_decay": 1e-4}
    try:
        return torch.optim.SGD(parameters, **settings, fused=True), "fused"
    except (RuntimeError, TypeError):
        return torch.optim.SGD(parameters, **settings, foreach=True), "foreach"


class Trainer:
    """A network with its optimizer and its batch."""

    def __init__(self, name, batch_size, rank, precision, compiled):
        description = MODELS[name]
        self.precision = precision
        torch.manual_seed(rank)
        model = network(name).to(memory_format=torch.channels_last).train()
        if compiled:
            # The parameters' names and order stay, so the optimizer below is the same.
            model = torch.compile(model)
        self.model = DistributedDataParallel(
            model, broadcast_buffers=False, gradient_as_bucket_view=True, static_graph=True
        )
        self.optimizer, self.optimizer_kind = sgd(list(model.parameters()))
        side = description.image_side
        images = torch.randn(batch_size, 3, side, side)
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.labels = torch.randint(0, description.classes, (batch_size,))
        self.loss = None

    def step(self):
        """One training step; returns its seconds."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            loss = F.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        self.loss = loss.detach()
        return time.perf_counter() - start


def all_elapsed(start):
    """Seconds since `start` on the rank where they are most: the same value on every rank."""
    value = torch.tensor(time.perf_counter() - start, dtype=torch.float64)
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return value.item()


def warm_up(trainer, budget):
    """One step, which also builds oneDNN's kernels, and up to two more while the budget lasts."""
    start = time.perf_counter()
    for _ in range(3):
        trainer.step()
        if all_elapsed(start) > budget:
            return


def measure(trainer, steps, seconds):
    """Trains `steps` steps, or where None as many as take about `seconds`.

    Returns the seconds from all ranks' start to all ranks' end, and this rank's for each step.
    """
    dist.barrier()
    start = time.perf_counter()
    each = [trainer.step() for _ in range(steps or MINIMUM_STEPS)]
    if steps is None:
        elapsed = all_elapsed(start)
        more = int((seconds - elapsed) / elapsed * MINIMUM_STEPS)
        each += [trainer.step() for _ in range(more)]
    return all_elapsed(start), each


def run(arguments, rank, ranks):
    """The benchmark of one rank; returns the result to print, with the memory of all ranks."""
    imported = peak_memory()
    warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers has a new name in 2.13
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group(
        "gloo", init_method=f"file://{arguments.meeting_file}", rank=rank, world_size=ranks
    )
    dist.barrier()
    pin_to_core(rank, ranks)
    connected = peak_memory()
    trainer = Trainer(
        arguments.model, arguments.batch_size, rank, arguments.precision, arguments.compile
    )
    warm_up(trainer, arguments.seconds / 4)
    wall, each = measure(trainer, arguments.steps, arguments.seconds)
    if not math.isfinite(trainer.loss.item()):
        raise FloatingPointError("the loss is not finite")
    memory = [None] * ranks
    dist.all_gather_object(memory, (imported, connected, peak_memory()))
    return {
        "model": arguments.model,
        "ranks": ranks,
        "threads": torch.get_num_threads(),
        "batch_size": arguments.batch_size,
        "steps": len(each),
        "seconds": wall,
        "images_per_second": ranks * arguments.batch_size * len(each) / wall,
        "step_seconds": statistics.median(each),
        "import_rss_bytes": [values[0] for values in memory],
        "connected_rss_bytes": [values[1] for values in memory],
        "peak_rss_bytes": [values[2] for values in memory],
        "optimizer": trainer.optimizer_kind,
        "precision": arguments.precision,
        "compiled": arguments.compile,
        "torch": torch.__version__,
    }


def parsed_arguments():
    parser = argparse.ArgumentParser(description="One rank of the PyTorch side of bench-peers.")
    parser.add_argument("--model", required=True, choices=MODELS)
    parser.add_argument("--batch-size", required=True, type=int)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--steps", type=int, help="timed steps, instead of as many as fit")
    parser.add_argument("--precision", required=True, choices=("fp32", "bf16"))
    parser.add_argument("--compile", action="store_true", help="train a compiled network")
    parser.add_argument("--meeting-file", required=True, help="where the ranks find each other")
    return parser.parse_args()


def main():
    arguments = parsed_arguments()
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    result = run(arguments, rank, ranks)
    if rank == 0:
        print(json.dumps(result), flush=True)
    dist.barrier()
    os._exit(0)  # PyTorch 2.13's own end of a gloo process now and then aborts in a destructor


if __name__ == "__main__":
    main()
