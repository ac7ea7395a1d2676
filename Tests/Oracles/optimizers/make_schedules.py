"""Writes schedules.json of OptimizersTests: the learning rates of PyTorch's schedulers.

python make_schedules.py [FOLDER]; the default folder is ../../OptimizersTests/Fixtures.

    {"NAME": {"arguments": {...}, "errors": [...], "rates": [...]}}

rates are those of each step, in Float64, as an optimizer sees them before scheduler.step(). The plateau's
scheduler is given one of errors after each step.
"""

import json
import os
import sys

import torch
from torch.optim import lr_scheduler

LR = 0.1
# An error that falls, stalls, falls by less than the threshold, rises, and falls again.
ERRORS = [0.9, 0.7, 0.6, 0.6, 0.61, 0.59999, 0.62, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.41, 0.42, 0.43]
CASES = {
    "MultiStepLR": (lr_scheduler.MultiStepLR, 12, {"milestones": [4, 4, 9], "gamma": 0.1}),
    "StepLR": (lr_scheduler.StepLR, 12, {"step_size": 5, "gamma": 0.5}),
    "CosineAnnealingLR": (lr_scheduler.CosineAnnealingLR, 12, {"T_max": 11, "eta_min": 0.0}),
    "CosineAnnealingLR with a minimum": (lr_scheduler.CosineAnnealingLR, 12, {"T_max": 11, "eta_min": 0.01}),
    "PolynomialLR": (lr_scheduler.PolynomialLR, 12, {"total_iters": 10, "power": 1.0}),
    "PolynomialLR of power 2": (lr_scheduler.PolynomialLR, 12, {"total_iters": 10, "power": 2.0}),
    "PolynomialLR of power 0.9": (lr_scheduler.PolynomialLR, 12, {"total_iters": 11, "power": 0.9}),
    "OneCycleLR": (
        lr_scheduler.OneCycleLR, 20,
        {"max_lr": 0.4, "total_steps": 20, "pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
    ),
    "OneCycleLR between steps": (
        lr_scheduler.OneCycleLR, 13,
        {"max_lr": 0.4, "total_steps": 13, "pct_start": 0.25, "div_factor": 10.0, "final_div_factor": 100.0},
    ),
    "OneCycleLR of a few steps": (
        lr_scheduler.OneCycleLR, 3,
        {"max_lr": 0.4, "total_steps": 3, "pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
    ),
    "ReduceLROnPlateau": (
        lr_scheduler.ReduceLROnPlateau, len(ERRORS), {"factor": 0.1, "patience": 2, "min_lr": 0.0},
    ),
    "ReduceLROnPlateau without patience": (
        lr_scheduler.ReduceLROnPlateau, len(ERRORS),
        {"factor": 0.5, "patience": 0, "min_lr": 0.01, "threshold": 0.01},
    ),
}


def rates(scheduler, steps, arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=LR, momentum=0.9)
    if scheduler is lr_scheduler.OneCycleLR:
        arguments = arguments | {"cycle_momentum": False}
    schedule = scheduler(optimizer, **arguments)
    found = []
    for step in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if scheduler is lr_scheduler.ReduceLROnPlateau:
            schedule.step(ERRORS[step])
        elif step + 1 < steps:
            schedule.step()
    return found


def torchvision_v2():
    """The rates of the epochs, as torchvision's references/classification makes and steps them."""
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=0.5, momentum=0.9)
    warm_up = lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=5)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=595, eta_min=0.0)
    schedule = lr_scheduler.SequentialLR(optimizer, [warm_up, cosine], milestones=[5])
    found = []
    for _ in range(600):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return found


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../OptimizersTests/Fixtures")
    cases = {}
    for name, (scheduler, steps, arguments) in CASES.items():
        is_plateau = scheduler is lr_scheduler.ReduceLROnPlateau
        numbers = {key: value for key, value in arguments.items() if not isinstance(value, list)}
        cases[name] = {
            "arguments": {"lr": LR} | numbers,
            "errors": ERRORS if is_plateau else [],
            "rates": rates(scheduler, steps, arguments),
        }
    cases["SequentialLR of torchvision's V2 weights"] = {
        "arguments": {"lr": 0.5, "epochs": 600, "warm_up": 5},
        "errors": [],
        "rates": torchvision_v2(),
    }
    path = os.path.join(folder, "schedules.json")
    with open(path, "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")
    print(f"schedules.json: {len(cases)} schedules, {os.path.getsize(path)} bytes")


main()
