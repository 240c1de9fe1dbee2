"""What a comparison says where a loss is no number."""

import json
import math

from trainer_runtime.comparison import Answer, Comparison


def compare(base: float, tuned: float) -> Comparison:
    answer = (Answer("yes", ended=True),)
    return Comparison(8, "held-out", base, tuned, ("why?",), answer, answer)


def test_a_loss_that_is_no_number_is_null() -> None:
    said = compare(math.nan, math.inf).to_json()
    assert (said["base_loss"], said["tuned_loss"]) == (None, None)
    json.dumps(said, allow_nan=False)
    assert compare(2.0, 1.0).to_json()["tuned_loss"] == 1.0


def test_the_verdict_says_whose_loss_is_no_number() -> None:
    assert compare(2.0, math.nan).verdict() == [
        "The loss of the tuned model on 8 held-out rows is no finite number."
    ]
    assert compare(math.nan, 1.0).verdict() == [
        "The loss of the base model on 8 held-out rows is no finite number: "
        "it says nothing of the tuned one."
    ]
    assert compare(2.0, 1.0).verdict() == []
    [sentence] = compare(1.0, 2.0).verdict()
    assert "no better than its base" in sentence
