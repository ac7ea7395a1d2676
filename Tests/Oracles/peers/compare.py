"""Runs PyTorch and resnet-dist in turn and compares them; started by launch/bench-peers.

Standard library only: it must stay small, because a process that it starts inherits the peak
resident size that it has itself.
"""

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from models import MODELS, listed_models

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
SIDES = ("torch", "ours")
TITLES = {"torch": "PyTorch", "ours": "resnet-dist"}
# Ours, and the one that PyTorch's side has beside it.
PRECISIONS = {"fp32": "fp32", "bf16": "bf16", "bf16-amx": "bf16"}


class PeerError(Exception):
    """One side could not be run; the message is one line."""


def say(text):
    print(f"launch/bench-peers: {text}", file=sys.stderr, flush=True)


def complaint(text):
    """The line of an error output that says most: the first of resnet-dist's own, or the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" -")]
    own = [line for line in lines if line.startswith("resnet-dist: ")]
    return (own or lines[-1:] or ["nothing on standard error"])[0]


def result_of(title, output):
    try:
        return json.loads(output)
    except ValueError:
        raise PeerError(f"{title} printed no JSON object, but {output[:100]!r}") from None


def torch_environment(arguments, rank):
    """One thread a rank, gloo on loopback, and an allocator that keeps its memory between steps.

    glibc's own settings give large blocks back and take them again in every step, and the page
    faults cost a third of PyTorch's speed; the variables help where there is no library to preload.
    With `--allocator plain` PyTorch runs as pip installs it.
    """
    settings = {
        "RANK": str(rank),
        "WORLD_SIZE": str(arguments.ranks),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    if arguments.allocator != "plain":
        settings["MALLOC_MMAP_THRESHOLD_"] = str(1 << 30)
        settings["MALLOC_TRIM_THRESHOLD_"] = str(1 << 40)
    if arguments.allocator not in ("plain", "none"):
        settings["LD_PRELOAD"] = arguments.allocator
    return os.environ | settings


def torch_command(arguments, model, batch_size):
    command = [arguments.torch_python, os.path.join(HERE, "ddp.py"), "--model", model]
    command += ["--batch-size", str(batch_size // arguments.ranks)]
    command += ["--seconds", str(arguments.seconds)]
    command += ["--precision", PRECISIONS[arguments.precision]]
    if arguments.torch_compile:
        command += ["--compile"]
    return command + (["--steps", str(arguments.steps)] if arguments.steps else [])


def wait_for_ranks(processes):
    """Returns when all are done, or None; otherwise the number of the first rank that failed."""
    while True:
        statuses = [process.poll() for process in processes]
        for rank, status in enumerate(statuses):
            if status not in (None, 0):
                return rank
        if None not in statuses:
            return None
        time.sleep(0.1)


def run_ranks(arguments, command):
    """What rank 0 prints: a process for each rank, as torchrun would start them."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        command = [*command, "--meeting-file", os.path.join(folder, "meeting")]
        processes = []
        try:
            for rank in range(arguments.ranks):
                with (
                    open(os.path.join(folder, f"{rank}.out"), "w") as output,
                    open(os.path.join(folder, f"{rank}.err"), "w") as errors,
                ):
                    processes.append(
                        subprocess.Popen(
                            command,
                            stdin=subprocess.DEVNULL,
                            stdout=output,
                            stderr=errors,
                            env=torch_environment(arguments, rank),
                        )
                    )
            failed = wait_for_ranks(processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        if failed is not None:
            status = processes[failed].returncode
            with open(os.path.join(folder, f"{failed}.err")) as errors:
                reason = complaint(errors.read())
            raise PeerError(f"PyTorch's rank {failed} failed with status {status}: {reason}")
        with open(os.path.join(folder, "0.out")) as output:
            return result_of(TITLES["torch"], output.read())


def run_torch(arguments, model, batch_size):
    """One round of PyTorch."""
    return run_ranks(arguments, torch_command(arguments, model, batch_size))


def ours_command(arguments, model, batch_size):
    command = ["mpirun", "-n", str(arguments.ranks)]
    command += [os.path.join(ROOT, ".build/release/resnet-dist"), "bench", "--model", model]
    command += ["--batch-size", str(batch_size), "--threads", "1", "--json"]
    command += ["--precision", arguments.precision]
    if arguments.steps:
        return command + ["--steps", str(arguments.steps)]
    return command + ["--seconds", f"{arguments.seconds:g}"]


def run_ours(arguments, model, batch_size):
    """One round of resnet-dist."""
    process = subprocess.Popen(
        ours_command(arguments, model, batch_size),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate()
    except BaseException:
        process.terminate()  # mpirun ends its ranks; it could not after a SIGKILL
        process.wait()
        raise
    if process.returncode != 0:
        reason = complaint(errors)
        raise PeerError(f"mpirun resnet-dist failed with status {process.returncode}: {reason}")
    return result_of(TITLES["ours"], output)


def peak_memory(result):
    """The largest peak resident size of any rank, in bytes."""
    peak = result["peak_rss_bytes"]
    return max(peak) if isinstance(peak, list) else peak


class Disturbance:
    """How much of the machine others use while a round runs."""

    def __init__(self):
        self.start, self.busy, self.own = time.monotonic(), self.busy_seconds(), self.own_seconds()

    @staticmethod
    def busy_seconds():
        """Processor seconds that are not idle, of all cores since the machine started."""
        with open("/proc/stat") as lines:
            user, nice, system, _, _, *rest = map(int, next(lines).split()[1:9])
        return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def own_seconds():
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in used)

    def cores(self):
        """Cores' worth of time that went to other processes, or to other guests of the host."""
        others = self.busy_seconds() - self.busy - (self.own_seconds() - self.own)
        return max(0, others / (time.monotonic() - self.start))


def report_round(arguments, entry):
    result, others = entry["result"], entry["other_cores"]
    say(
        f"{entry['model']}, round {entry['round']} of {arguments.rounds}, {TITLES[entry['side']]}: "
        f"{result['images_per_second']:.1f} images/s, {peak_memory(result) / 1e6:.0f} MB a rank"
        + (f"; DISTURBED: others used {others:.1f} cores" if others > 0.1 else "")
    )


def run_rounds(arguments, model, batch_size):
    """Every round of a model, the sides in turn."""
    runners = {"torch": run_torch, "ours": run_ours}
    rounds = []
    for number in range(1, arguments.rounds + 1):
        for side in arguments.sides:
            disturbance = Disturbance()
            result = runners[side](arguments, model, batch_size)
            rounds.append(
                {
                    "model": model,
                    "side": side,
                    "round": number,
                    "other_cores": round(disturbance.cores(), 2),
                    "result": result,
                }
            )
            report_round(arguments, rounds[-1])
    return rounds


def side_summary(rounds, side):
    """Median, minimum and maximum of the rounds of one side, its memory in bytes; None without any."""
    results = [entry["result"] for entry in rounds if entry["side"] == side]
    if not results:
        return None
    speeds = [result["images_per_second"] for result in results]
    summary = {
        "images_per_second": statistics.median(speeds),
        "images_per_second_min": min(speeds),
        "images_per_second_max": max(speeds),
        "peak_rss_bytes_max": max(peak_memory(result) for result in results),
    }
    if side == "torch":
        summary["peak_rss_bytes_sum"] = max(sum(result["peak_rss_bytes"]) for result in results)
        summary["framework_rss_bytes"] = max(max(r["connected_rss_bytes"]) for r in results)
    return summary


def model_summary(arguments, model, batch_size, rounds):
    """Both sides of a model and, where both ran, resnet-dist's figures divided by PyTorch's."""
    summary = {"model": model, "batch_size": batch_size, "ranks": arguments.ranks}
    torch, ours = (summary.setdefault(side, side_summary(rounds, side)) for side in SIDES)
    if torch and ours:
        summary["speed_ratio"] = ours["images_per_second"] / torch["images_per_second"]
        summary["memory_ratio"] = ours["peak_rss_bytes_max"] / torch["peak_rss_bytes_max"]
    return summary


def speed_cell(side):
    if side is None:
        return "–"
    low, high = side["images_per_second_min"], side["images_per_second_max"]
    return f"{side['images_per_second']:.1f} ({low:.1f}–{high:.1f})"


def memory_cell(side):
    return "–" if side is None else f"{side['peak_rss_bytes_max'] / 1e6:.0f}"


def framework_cell(side):
    return "–" if side is None else f"{side['framework_rss_bytes'] / 1e6:.0f}"


def ratio_cell(summary, key):
    return f"{summary[key]:.2f}" if key in summary else "–"


def title(arguments, side):
    """What a side runs, where it is not plain fp32."""
    words = [TITLES[side]]
    precision = arguments.precision if side == "ours" else PRECISIONS[arguments.precision]
    if precision != "fp32":
        words.append(precision)
    if arguments.torch_compile and side == "torch":
        words.append("compiled")
    return " ".join(words)


def table(arguments, summaries):
    """The summaries as text, one line a model."""
    torch_title, own_title = (title(arguments, side) for side in SIDES)
    rows = [
        ["", "batch", "", torch_title, own_title, "", torch_title, "of it", own_title, ""],
        ["model", "a rank", "ranks", "images/s", "images/s", "ratio", "MB a rank", "framework"]
        + ["MB a rank", "ratio"],
    ]
    for summary in summaries:
        torch, ours = summary["torch"], summary["ours"]
        rows.append([summary["model"], str(summary["batch_size"]), str(summary["ranks"])])
        rows[-1] += [speed_cell(torch), speed_cell(ours), ratio_cell(summary, "speed_ratio")]
        rows[-1] += [memory_cell(torch), framework_cell(torch), memory_cell(ours)]
        rows[-1] += [ratio_cell(summary, "memory_ratio")]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for name, *cells in rows:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths[1:]))
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    return "\n".join(lines)


def processor():
    """The processor's name where Linux tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def write_json(arguments, rounds, summaries):
    document = {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "allocator": arguments.allocator,
        "precision": arguments.precision,
        "torch_compiled": arguments.torch_compile,
        "rounds": rounds,
        "summary": summaries,
    }
    with open(arguments.json, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")


def compare(arguments):
    """All models; the table grows only at the end, the JSON file after every model."""
    rounds, summaries = [], []
    for model in arguments.models:
        batch_size = arguments.batch_size or MODELS[model].default_batch_size
        if batch_size % arguments.ranks:
            raise PeerError(f"{arguments.ranks} ranks cannot share a mini-batch of {batch_size} evenly")
        own_rounds = run_rounds(arguments, model, batch_size)
        rounds += own_rounds
        summaries.append(model_summary(arguments, model, batch_size, own_rounds))
        if arguments.json:
            write_json(arguments, rounds, summaries)
    print(table(arguments, summaries))


def parsed_arguments():
    parser = argparse.ArgumentParser(description="Compares PyTorch and resnet-dist.")
    parser.add_argument("--models", required=True, type=listed_models)
    parser.add_argument("--ranks", required=True, type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", required=True, type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--json")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS, help="of both")
    parser.add_argument("--torch-compile", action="store_true")
    parser.add_argument("--only", choices=SIDES)
    parser.add_argument("--torch-python", help="a Python that has PyTorch")
    parser.add_argument(
        "--allocator", default="none", help="a library for PyTorch to preload, none, or plain"
    )
    arguments = parser.parse_args()
    arguments.sides = (arguments.only,) if arguments.only else SIDES
    return arguments


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        compare(parsed_arguments())
    except (PeerError, OSError) as error:
        sys.exit(f"launch/bench-peers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
