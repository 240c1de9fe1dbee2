"""The ground: transformers' models, PEFT's adapters, TRL's loop."""

from pathlib import Path
from typing import Any

from trl import SFTConfig, SFTTrainer

from trainer_runtime.run_description import RunDescription
from trainer_runtime.training.arguments import trainer_arguments
from trainer_runtime.training.load_model import load_model, load_tokenizer
from trainer_runtime.training.trainable import build_lora_config, freeze_all_but


class TrlEngine:
    """See `Engine`."""

    def load(self, run: RunDescription) -> tuple[Any, Any]:
        return load_model(run.model_path, run.plan), load_tokenizer(run.model_path)

    def build_trainer(
        self,
        run: RunDescription,
        model: Any,
        tokenizer: Any,
        *,
        output: str,
        rows: Any,
        evaluation_rows: Any,
        warnings: list[str],
    ) -> Any:
        plan = run.plan
        adapter = None
        if plan.adapter is not None:
            adapter = build_lora_config(model, plan, warnings)
        elif plan.trainable_layers:
            freeze_all_but(model, plan.trainable_layers, warnings)
        return build_sft_trainer(
            run,
            model,
            tokenizer,
            output=output,
            rows=rows,
            evaluation_rows=evaluation_rows,
            adapter=adapter,
        )


def build_sft_trainer(
    run: RunDescription,
    model: Any,
    tokenizer: Any,
    *,
    output: str,
    rows: Any,
    evaluation_rows: Any,
    adapter: Any,
) -> Any:
    """TRL's trainer over rows that are tokenised and labelled already."""
    arguments = trainer_arguments(run.plan, Path(output), rows=len(rows), configuration=SFTConfig)
    return SFTTrainer(
        model=model,
        args=SFTConfig(**arguments),
        train_dataset=rows,
        eval_dataset=evaluation_rows,
        processing_class=tokenizer,
        peft_config=adapter,
    )
