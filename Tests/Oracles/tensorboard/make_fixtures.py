"""Writes the fixtures of TensorBoardTests with TensorBoard's own writers.

python make_fixtures.py [FOLDER]; the default folder is ../../TensorBoardTests/Fixtures.

    tensorboard.tfevents    TensorBoard's RecordWriter and messages: the version, a start at step 11, scalars
    torch.tfevents          torch.utils.tensorboard.SummaryWriter(purge_step=11): its own version, then the same
                            with each scalar in an event of its own
"""

import os
import sys
import tempfile
import time

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter

NOW = 1700000000.25
# Step, seconds since 1970, scalars; none of the values but 0.5 and 0 is a float exactly.
POINTS = [
    (50, NOW + 1, [("train/loss", 2.3025851), ("train/error", 0.9), ("lr", 0.1), ("images_per_s", 1234.5678)]),
    (3_000_000_000, NOW + 2, [("test/loss", 0.5), ("test/error", 0.0)]),
    (3_000_000_001, NOW + 3, [("train/loss", float("nan")), ("größe/" + "x" * 200, -1e-30)]),
]


def tensorboard(path):
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        events = [
            Event(wall_time=NOW, file_version="brain.Event:2"),
            Event(wall_time=NOW, step=11, session_log=SessionLog(status=SessionLog.START)),
        ]
        for step, wall_time, scalars in POINTS:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars]
            events.append(Event(wall_time=wall_time, step=step, summary=Summary(value=values)))
        for event in events:
            writer.write(event.SerializeToString())


def torch(path):
    time.time = lambda: NOW
    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder, purge_step=11)
        for step, wall_time, scalars in POINTS:
            for tag, value in scalars:
                writer.add_scalar(tag, value, step, walltime=wall_time)
        writer.close()
        (name,) = os.listdir(folder)
        with open(os.path.join(folder, name), "rb") as source, open(path, "wb") as target:
            target.write(source.read())


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../TensorBoardTests/Fixtures")
    os.makedirs(folder, exist_ok=True)
    tensorboard(os.path.join(folder, "tensorboard.tfevents"))
    torch(os.path.join(folder, "torch.tfevents"))


main()
