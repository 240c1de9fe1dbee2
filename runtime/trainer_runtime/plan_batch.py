"""How the job's batch is split over processes and accumulation steps. Pure."""

from dataclasses import dataclass

from trainer_runtime.contract import Job

#: Rows that one process takes at a time when the request does not say.
MAX_MICRO_BATCH = 8


@dataclass(frozen=True)
class Batch:
    """`size` rows a step = `micro` rows × `accumulation` × `processes`."""

    size: int
    micro: int
    accumulation: int
    processes: int


def choose_batch(job: Job, processes: int, warnings: list[str]) -> Batch:
    """The split of the job's `batch_size`, which is the whole job's; `split_batch` says how."""
    accumulation = job.unsloth.gradient_accumulation if job.unsloth is not None else None
    tuning = job.tuning
    return split_batch(
        tuning.batch_size, tuning.micro_batch_size, accumulation, processes, warnings
    )


def split_batch(
    asked: int, micro: int | None, accumulation: int | None, processes: int, warnings: list[str]
) -> Batch:
    """`asked` rows a step over `processes`, as far as `micro` and `accumulation` leave it open.

    A size that cannot be split becomes the next smaller one that can, with a warning; one that is
    smaller than the number of processes becomes that number.
    """
    if micro is not None and accumulation is not None and micro * accumulation * processes != asked:
        warnings.append(
            "tuning_parameters.micro_batch_size goes before "
            "extra_parameters.unsloth.gradient_accumulation"
        )
    if asked < processes:
        warnings.append(
            f"batch_size {asked} is less than the {processes} processes: {processes} rows a "
            "step are taken"
        )
        return Batch(processes, 1, 1, processes)
    per_process = asked // processes
    if micro is not None:
        if micro > per_process:
            warnings.append(
                f"micro_batch_size {micro} is more than a process's part of batch_size: "
                f"{per_process} is taken"
            )
            micro = per_process
        accumulation = per_process // micro
    elif accumulation is not None:
        if accumulation > per_process:
            warnings.append(
                f"gradient_accumulation {accumulation} is more than a process's part of "
                "batch_size: "
                f"{per_process} is taken"
            )
            accumulation = per_process
        micro = per_process // accumulation
    else:
        micro = max(n for n in range(1, MAX_MICRO_BATCH + 1) if per_process % n == 0)
        accumulation = per_process // micro
    size = micro * accumulation * processes
    if size != asked:
        warnings.append(
            f"batch_size {asked} cannot be split over {processes} process(es): {size} rows a "
            "step are taken"
        )
    return Batch(size, micro, accumulation, processes)
