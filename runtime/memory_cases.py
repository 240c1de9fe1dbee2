"""The trainings whose memory is measured: what a request may set that takes or saves memory."""

from typing import Any


def large_cases(*, has_bitsandbytes: bool) -> list[dict[str, Any]]:
    """For a model of half a billion weights; what is asked for most comes first."""
    cases = [
        _case("lora", 8, 1024),
        _case("lora", 8, 1024, checkpointed=True),
        _case("full", 8, 1024),
        _case("full", 8, 1024, checkpointed=True),
        _case("lora", 8, 1024, dropout=0.0),
        _case("lora", 2, 1024),
        _case("lora", 2, 4096),
        _case("full", 2, 1024),
        _case("lora", 4, 1024, precision="fp32"),
        _case("lora", 2, 2048, precision="fp32"),
        _case("lora", 4, 1024, precision="fp32", checkpointed=True),
        _case("full", 4, 1024, precision="fp32", checkpointed=True),
    ]
    if has_bitsandbytes:
        cases[4:4] = [_case("qlora", 8, 1024), _case("qlora", 8, 1024, checkpointed=True)]
        cases += [
            _case("lora", 4, 1024, precision="int8"),
            _case("lora", 8, 1024, precision="int8", checkpointed=True),
            # The last: bitsandbytes remembers the embeddings of a model for good.
            _case("full", 8, 1024, optimizer="adamw_bnb_8bit", checkpointed=True),
        ]
    return cases


def wide_cases(*, has_bitsandbytes: bool) -> list[dict[str, Any]]:
    """For a model with wide layers."""
    cases = [
        _case("lora", 4, 1024),
        _case("lora", 4, 1024, checkpointed=True),
        _case("full", 4, 1024),
        _case("full", 4, 1024, checkpointed=True),
    ]
    if has_bitsandbytes:
        cases += [
            _case("qlora", 4, 1024),
            _case("qlora", 4, 1024, checkpointed=True),
            _case("lora", 4, 1024, precision="int8"),
            _case("lora", 4, 1024, precision="int8", checkpointed=True),
        ]
    return cases


def small_cases(*, has_bitsandbytes: bool) -> list[dict[str, Any]]:
    """To try the measuring itself, on a CPU."""
    cases = [
        _case("lora", 2, 64, precision="fp32"),
        _case("full", 2, 64, precision="fp32", checkpointed=True),
    ]
    if has_bitsandbytes:
        cases.append(_case("qlora", 2, 64))
    return cases


def _case(
    method: str,
    rows: int,
    length: int,
    *,
    precision: str = "bf16",
    checkpointed: bool = False,
    dropout: float = 0.05,
    optimizer: str | None = None,
) -> dict[str, Any]:
    of_adapter = {
        "lora": {"rank": 16, "alpha": 32, "dropout": dropout, "target_modules": "all-linear"}
    }
    name = [method, precision, f"{rows} rows of {length:,} tokens"]
    if method == "lora" and dropout == 0:
        name.append("no dropout")
    if optimizer is not None:
        name.append(optimizer)
    if checkpointed:
        name.append("gradient checkpointing")
    return {
        "name": ", ".join(name),
        "request": {
            "customization": {
                "method": method,
                "precision": precision,
                "gradient_checkpointing": checkpointed,
                **({} if method == "full" else of_adapter),
            },
            "tuning_parameters": {
                "batch_size": rows,
                "micro_batch_size": rows,
                "max_sequence_length": length,
                **({} if optimizer is None else {"optim": optimizer}),
            },
        },
    }
