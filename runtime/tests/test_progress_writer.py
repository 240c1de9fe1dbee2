"""The progress file names the newest step, also when no further one follows."""

import threading

from trainer_runtime.training.progress_writer import ProgressWriter


def test_the_last_of_fast_steps_is_written_though_none_follows() -> None:
    written: list[int] = []
    arrived = threading.Condition()

    def write(value: dict[str, int]) -> None:
        with arrived:
            written.append(value["step"])
            arrived.notify_all()

    writer = ProgressWriter(write)
    for step in range(1, 1001):
        writer.put({"step": step})
    with arrived:
        assert arrived.wait_for(lambda: written[-1:] == [1000], 60)
    assert written == sorted(set(written))
    assert len(written) < 100


def test_flush_writes_what_waits_once() -> None:
    written: list[int] = []
    writer = ProgressWriter(lambda value: written.append(value["step"]))
    writer.put({"step": 1})
    writer.put({"step": 2})
    writer.flush()
    assert written[-1] == 2
    writer.flush()
    assert written.count(2) == 1
