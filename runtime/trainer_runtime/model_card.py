"""`README.md` beside the model, as the Hub reads it: front matter, then words for people. Pure."""

from typing import Any

from trainer_runtime.contract import Job
from trainer_runtime.plan import Plan


def build_model_card(job: Job, plan: Plan, run: dict[str, Any], result: dict[str, Any]) -> str:
    """The card of one run; `run` is `run.json`, `result` what reports tell."""
    name, revision = job.base_model.model_name, job.base_model.revision
    is_adapter = plan.adapter is not None
    sections = [
        _front_matter(name, revision, is_adapter),
        f"# {job.job_id}\n\n{_describe(plan, name, revision)}",
        "## Load it\n\n" + _loading(name, revision, plan),
        "## Serve it\n\n" + _serving(name, plan),
        "## Training\n\n" + _table(_training_rows(plan, run, result)),
        "## Data\n\n" + _data(run),
    ]
    if result.get("comparison"):
        sections.append("## Beside its base model\n\n" + _comparison(result["comparison"]))
    if run.get("warnings"):
        sections.append("## Warnings\n\n" + "\n".join(f"- {line}" for line in run["warnings"]))
    versions = ", ".join(f"{package} {version}" for package, version in run["versions"].items())
    sections.append(f"Trained with {versions}.")
    return "\n\n".join(sections) + "\n"


def _front_matter(name: str, revision: str, is_adapter: bool) -> str:
    lines = ["---"]
    # A path is no name that others could look up.
    if "/" in name and not name.startswith(("/", ".", "file:")):
        lines += [
            f"base_model: {name}",
            f"base_model_relation: {'adapter' if is_adapter else 'finetune'}",
        ]
    lines += [
        f"library_name: {'peft' if is_adapter else 'transformers'}",
        "pipeline_tag: text-generation",
        "tags:",
        *(f"- {tag}" for tag in (("lora", "sft") if is_adapter else ("sft",))),
        "---",
    ]
    return "\n".join(lines)


def _describe(plan: Plan, name: str, revision: str) -> str:
    what = "A LoRA adapter for" if plan.adapter is not None else "All weights of a model tuned from"
    return f"{what} `{name}` (revision `{revision}`), in `model/`."


def _loading(name: str, revision: str, plan: Plan) -> str:
    if plan.adapter is None:
        return _code(
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            'model = AutoModelForCausalLM.from_pretrained("model")',
            'tokenizer = AutoTokenizer.from_pretrained("model")',
        )
    return _code(
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'base = AutoModelForCausalLM.from_pretrained("{name}", revision="{revision}")',
        'model = PeftModel.from_pretrained(base, "model")',
        'tokenizer = AutoTokenizer.from_pretrained("model")',
    )


def _serving(name: str, plan: Plan) -> str:
    if plan.adapter is None:
        return "```bash\nvllm serve ./model\n```"
    rank = next(r for r in (8, 16, 32, 64, 128, 256, 320, 512, 1 << 30) if r >= plan.adapter.rank)
    text = (
        "```bash\n"
        f"vllm serve {name} --enable-lora --max-lora-rank {rank} --lora-modules tuned=./model\n"
        "```\n\nAsk for the model `tuned`; a server that does not know the name answers with "
        "the base model."
    )
    if plan.adapter.fields.get("modules_to_save"):
        text += (
            "\n\nThis adapter replaces whole modules (`modules_to_save`), which vLLM refuses: "
            "merge it into its base model first."
        )
    return text


def _training_rows(
    plan: Plan, run: dict[str, Any], result: dict[str, Any]
) -> list[tuple[str, object]]:
    facts = run.get("training", {})
    rows: list[tuple[str, object]] = [
        ("method", plan.method),
        ("engine", plan.engine),
        ("precision", plan.precision),
        ("steps", result.get("steps")),
        ("epochs", result.get("epochs")),
        (
            "rows a step",
            f"{plan.batch.size} ({plan.batch.micro} × {plan.batch.accumulation} × "
            f"{plan.batch.processes})",
        ),
        (
            "learning rate",
            f"{plan.learning_rate:g} ({plan.scheduler}, warm-up {plan.warmup_ratio:g})",
        ),
        ("weight decay", plan.weight_decay),
        ("greatest length", f"{plan.max_length} tokens"),
        ("seed", plan.seed),
        ("trained parameters", facts.get("trained_parameters")),
        ("first loss", _rounded(result.get("first_loss"))),
        ("last loss", _rounded(result.get("loss"))),
        ("best evaluation loss", _rounded(result.get("eval_loss"))),
    ]
    if plan.adapter is not None:
        adapter = plan.adapter
        targets = ", ".join(adapter.target_modules) or "every linear layer"
        rows[1:1] = [
            ("rank, alpha, dropout", f"{adapter.rank}, {adapter.alpha:g}, {adapter.dropout:g}"),
            ("target modules", targets),
        ]
    return [row for row in rows if row[1] is not None]


def _data(run: dict[str, Any]) -> str:
    dataset = run.get("dataset", {})
    tokens = run.get("training", {}).get("tokens", {}).get("train", {})
    rows = [
        ("shape", dataset.get("source_shape") or dataset.get("shape")),
        ("rows", dataset.get("rows")),
        ("rows held out", dataset.get("evaluation_rows") or None),
        ("tokens", tokens.get("tokens")),
        ("tokens that carry loss", tokens.get("trained_tokens")),
        ("longest row", tokens.get("longest")),
        ("rows cut", tokens.get("truncated")),
        ("rows left out, nothing to learn", tokens.get("masked")),
        ("rows rejected", dataset.get("rejected")),
        ("SHA-256", dataset.get("sha256")),
    ]
    return _table([row for row in rows if row[1] is not None])


def _comparison(comparison: dict[str, Any]) -> str:
    lines = []
    base, tuned = (_rounded(comparison.get(name)) for name in ("base_loss", "tuned_loss"))
    if base is not None or tuned is not None:
        lines.append(
            f"Loss on {comparison['rows']} {comparison['rows_kind']} rows: "
            f"{base or 'no number'} before, {tuned or 'no number'} after."
        )
    lines += [str(sentence) for sentence in comparison.get("verdict", [])]
    for entry in comparison.get("prompts", []):
        lines.append(
            f"> **Prompt:** {_quote(entry['prompt'])}\n>\n> **Base:** {_quote(entry['base'])}\n>\n"
            f"> **Tuned:** {_quote(entry['tuned'])}"
        )
    return "\n\n".join(lines)


def _quote(text: str) -> str:
    return " ".join(str(text).split())[:600]


def _rounded(value: object) -> str | None:
    return f"{value:.4f}" if isinstance(value, float) else None


def _table(rows: list[tuple[str, object]]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def _code(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])
