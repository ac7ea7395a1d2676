#!/usr/bin/env python3
"""Compares what bench --predict says with what bench measures through an injected network.

Each rank is a host of its own. Predictions and measurements are made in turn; the table has their
medians, in Markdown. Needs an idle machine and a built resnet-dist on the PATH or in
RESNET_DIST_EXECUTABLE:

    source launch/environment && Tests/Oracles/scaling/compare.py --rounds 3
"""

import argparse
import json
import os
import statistics
import subprocess

# Model, mini-batch, further flags, latency and bandwidth.
CASES = [
    ("resnet20", 128, [], "50us", "10Gbit"),
    ("resnet20", 128, [], "50us", "1Gbit"),
    ("resnet20", 128, [], "500us", "10Gbit"),
    ("resnet20", 128, [], "50us", "200Mbit"),
    ("resnet20", 128, ["--bn-group-size", "64"], "50us", "200Mbit"),
    ("resnet18", 64, ["--image-size", "64"], "50us", "1Gbit"),
    ("resnet50", 32, [], "50us", "10Gbit"),
    ("resnet50", 32, [], "50us", "1Gbit"),
    ("resnet50", 32, ["--gradient-compression", "bf16"], "50us", "1Gbit"),
]


def bench(ranks, seconds, flags):
    program = os.environ.get("RESNET_DIST_EXECUTABLE", "resnet-dist")
    command = ["mpirun", "-n", str(ranks), program, "bench", "--threads", "1", "--json"]
    command += ["--seconds", str(seconds)] + flags
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--ranks", type=int, default=2)
    arguments = parser.parse_args()
    ranks = arguments.ranks
    print("| network, mini-batch | latency, bandwidth | predicted | measured | |")
    print("| --- | --- | --- | --- | --- |")
    for model, batch, more, latency, bandwidth in CASES:
        flags = ["--model", model, "--batch-size", str(batch)] + more
        predict = ["--predict", "--ranks", str(ranks), "--inject-latency", "0us"]
        predict += ["--latency", latency, "--bandwidth", bandwidth]
        inject = ["--inject-latency", latency, "--inject-bandwidth", bandwidth]
        predicted, measured = [], []
        for _ in range(arguments.rounds):
            table = bench(ranks, arguments.seconds, flags + predict)
            predicted.append(table["rows"][0]["prediction"]["step_seconds"])
            measured.append(bench(ranks, arguments.seconds, flags + inject)["step_seconds"])
        said, seen = statistics.median(predicted), statistics.median(measured)
        name = ", ".join([model, str(batch)] + [" ".join(more)] * bool(more))
        print(
            f"| {name} | {latency}, {bandwidth} | {said * 1e3:.1f} ms | {seen * 1e3:.1f} ms "
            f"| {100 * (said / seen - 1):+.1f} % |", flush=True)


if __name__ == "__main__":
    main()
