"""What trains: one small interface, and the engine of each name."""

from typing import Any, Protocol

from trainer_runtime.run_description import RunDescription


class Engine(Protocol):
    """Loads a model the way it trains best, and makes a `transformers.Trainer` for it."""

    def load(self, run: RunDescription) -> tuple[Any, Any]:
        """Model and tokenizer; raises `RunError` MODEL_INCOMPATIBLE."""

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
        """A trainer over tokenised rows (input_ids, labels), its adapter in place.

        Raises `RunError` CONFIG_INVALID or ENGINE_UNAVAILABLE.
        """


def create_engine(name: str) -> Engine:
    """The engine `name`, one of trl, unsloth, nemo; only its own packages are imported."""
    if name == "unsloth":
        from trainer_runtime.engines.unsloth import UnslothEngine

        return UnslothEngine()
    if name == "nemo":
        from trainer_runtime.engines.nemo import NemoEngine

        return NemoEngine()
    from trainer_runtime.engines.trl import TrlEngine

    return TrlEngine()
