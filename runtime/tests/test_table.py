"""The table of settings is whole, fresh, and what the plan does."""

import dataclasses
import json
import re
from pathlib import Path

from trainer_runtime import contract
from trainer_runtime.operator_settings import READ_NAMES
from trainer_runtime.request_fields import FIELDS
from trainer_runtime.settings import SETTINGS, read_settings
from trainer_runtime.table import (
    PAGE,
    SETTINGS_FILE,
    build_table,
    to_json,
    to_markdown,
    with_tables,
)

RUNTIME = Path(__file__).parent.parent
PATHS = {field.path for field in FIELDS}


def test_what_is_generated_is_fresh() -> None:
    """`python -m trainer_runtime.table --write` makes it anew."""
    assert SETTINGS_FILE == RUNTIME / "settings.json"
    assert SETTINGS_FILE.read_text() == to_json()
    page = PAGE.read_text()
    assert page == with_tables(page)


def test_every_field_of_the_contract_is_in_the_table() -> None:
    sections = {
        "base_model": contract.BaseModel,
        "customization.lora": contract.Lora,
        "customization.qlora": contract.Qlora,
        "customization.peft": contract.Peft,
        "resources": contract.Resources,
        "datasets[]": contract.Dataset,
        "artifacts": contract.Artifacts,
        "tuning_parameters": contract.Tuning,
        "extra_parameters.evaluation": contract.Evaluation,
        "extra_parameters.unsloth": contract.Unsloth,
    }
    for prefix, section in sections.items():
        for field in dataclasses.fields(section):
            assert f"{prefix}.{field.name}" in PATHS or field.name == "extra"


def test_no_field_stands_twice() -> None:
    assert len(PATHS) == len(FIELDS)


def test_every_variable_that_is_read_is_kept_from_requests() -> None:
    source = "".join(path.read_text() for path in (RUNTIME / "trainer_runtime").rglob("*.py"))
    read = set(re.findall(r'"(TRAINER_[A-Z_]+)"', source))
    assert read == set(READ_NAMES)


def test_defaults_are_themselves_accepted() -> None:
    for name, setting in SETTINGS.items():
        assert setting.default is None or setting.is_valid(setting.default), name
    values, violations, warnings = read_settings({"seed": True, "max_steps": 0, "x" * 200: 1})
    assert len(violations) == 2
    assert len(warnings) == 1 and len(warnings[0]) < 200
    assert values["packing"] is False


def test_people_and_machines_read_the_same() -> None:
    table = json.loads(to_json())
    assert table == build_table()
    text = to_markdown()
    for path in table["fields"]:
        assert f"`{path}`" in text
    for code in table["reasons"]:
        assert f"`{code}`" in text
