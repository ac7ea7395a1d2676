"""Prints as JSON what TensorBoard reads from a run folder or an event file.

python read_events.py PATH

    {"files": […], "scalars": {TAG: [[step, value], …]}}

PATH is read by both of TensorBoard's readers, `event_accumulator` (which scripts use) and
`plugin_event_accumulator` (which the TensorBoard server uses); the exit code is 1 if they differ.
"""

import glob
import json
import logging
import os
import sys

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util


def scripts(path):
    reader = event_accumulator.EventAccumulator(path, size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    return {tag: [[e.step, e.value] for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def server(path):
    reader = plugin_event_accumulator.EventAccumulator(
        path, size_guidance={plugin_event_accumulator.TENSORS: 0}
    )
    reader.Reload()
    return {
        tag: [[e.step, float(tensor_util.make_ndarray(e.tensor_proto))] for e in reader.Tensors(tag)]
        for tag in reader.Tags()["tensors"]
    }


def main():
    logging.disable(logging.WARNING)
    path = sys.argv[1]
    files = sorted(glob.glob(os.path.join(path, "events.out.tfevents.*"))) if os.path.isdir(path) else [path]
    scalars = scripts(path)
    print(json.dumps({"files": [os.path.basename(f) for f in files], "scalars": scalars}, indent=1))
    # As text, so that NaN equals NaN.
    if json.dumps(scalars, sort_keys=True) != json.dumps(server(path), sort_keys=True):
        sys.exit("TensorBoard's two readers differ")


main()
