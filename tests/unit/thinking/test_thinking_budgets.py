"""Budgets of a run's problems: where they come from, and what they change."""

import json
from collections import Counter

import numpy as np
import pytest

from rlsys.config.data import DataConfig
from rlsys.config.thinking import BudgetRule, ThinkingConfig, validate
from rlsys.data.generated import generated_rows
from rlsys.data.templates import Prompt, to_batch, tokenize, with_budgets
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy.policy import build_tokenizer
from rlsys.thinking.budgets import Budgets, predictor_for, with_budget, with_instruction
from rlsys.thinking.regressor import fit

ROWS = generated_rows(8, seed=0).held_out


def test_without_a_rule_nothing_changes() -> None:
    config = ThinkingConfig()
    budgets = Budgets(config, 0, predictor_for(config, "", ROWS))
    assert budgets.of("p", "1+1=?") is None
    assert with_instruction(ROWS[0], None, config) is ROWS[0]
    prompt = Prompt("p", "s", "1+1=?", [1], '"2"', "{}")
    assert with_budget(prompt, None, config) is prompt


def test_random_budgets_are_log_uniform_and_stay_with_their_problem() -> None:
    config = ThinkingConfig(budgets=BudgetRule.random, least=10, most=1000)
    found = [Budgets(config, 3, None).of(f"p{i}", "?") for i in range(400)]
    assert found == [Budgets(config, 3, None).of(f"p{i}", "?") for i in range(400)]
    assert all(f is not None and 10 <= f <= 1000 for f in found)
    # Half of them below the geometric mean.
    assert sum(f < 100 for f in found if f is not None) == pytest.approx(200, abs=40)


def test_a_share_of_the_problems_is_answered_without_thinking() -> None:
    config = ThinkingConfig(budgets=BudgetRule.text, least=8, most=64, no_think_share=0.25)
    budgets = Budgets(config, 0, predictor_for(config, "", ROWS))
    counts = Counter(budgets.of(f"p{i}", "2+3=?") == 0 for i in range(400))
    assert counts[True] == pytest.approx(100, abs=30)


def test_the_prompt_says_its_budget_and_the_verifiers_know_it() -> None:
    config = ThinkingConfig(BudgetRule.random, 8, 64, in_prompt=True, instruction="[{budget}]")
    row = with_instruction(ROWS[0], 12, config)
    assert row.messages[-1]["content"] == ROWS[0].messages[-1]["content"] + "\n[12]"
    assert row.prompt_id == ROWS[0].prompt_id
    (prompt,) = tokenize([row], DataConfig(), build_tokenizer()).prompts
    equipped = with_budget(prompt, 12, config)
    assert "[12]" in equipped.text
    assert equipped.token_budget == 12
    info = json.loads(equipped.info)
    assert info["thinking_budget"] == 12
    assert info["question"] == ROWS[0].messages[-1]["content"]


def test_an_instruction_may_hold_other_braces() -> None:
    said = r"Think for {budget} tokens, then \boxed{} {it}."
    row = with_instruction(ROWS[0], 12, ThinkingConfig(in_prompt=True, instruction=said))
    assert row.messages[-1]["content"].endswith("\n" + r"Think for 12 tokens, then \boxed{} {it}.")


def test_a_budget_that_is_only_asked_for_does_not_cut_but_no_thinking_does() -> None:
    config = ThinkingConfig(BudgetRule.random, 8, 64, enforced=False, in_prompt=True)
    prompt = Prompt("p", "s", "1+1=?", [1], '"2"', "{}")
    assert with_budget(prompt, 12, config).token_budget is None
    assert with_budget(prompt, 0, config).token_budget == 0


def test_budgets_of_the_moment_replace_those_of_the_table() -> None:
    prompts = [Prompt(f"p{i}", "s", "1+1=?", [1], '"2"', "{}", token_budget=5) for i in range(3)]
    batch = with_budgets(to_batch(prompts), [7, None, 0])
    assert batch.column("token_budget").to_pylist() == [7, None, 0]
    assert batch.schema.equals(to_batch(prompts).schema, check_metadata=True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ThinkingConfig(BudgetRule.text, 8, 64), "thinking.most=32"),
        (ThinkingConfig(BudgetRule.solve_rate, 4, 8, in_prompt=True), "budgets=random"),
        (ThinkingConfig(BudgetRule.text, 4, 8, in_prompt=True, instruction="short"), "short {bud"),
        (ThinkingConfig(BudgetRule.text, 4, 8, enforced=False), "in_prompt=true"),
        (ThinkingConfig(BudgetRule.regressor, 4, 8, regressor="no.npz"), "no such file"),
        (
            ThinkingConfig(BudgetRule.regressor, 4, 8, regressor=__file__),
            "not a fitted regression",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(config: ThinkingConfig, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(config, 64)
    assert message in str(caught.value)


def test_the_regression_finds_what_makes_questions_hard() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6))
    wrong = np.clip(0.5 + 0.2 * features[:, 2] + 0.02 * rng.normal(size=300), 0, 1)
    fitted = fit(features, wrong)
    assert fitted.correlation > 0.95
    easy, hard = fitted.predict(np.array([[0, 0, -1.5, 0, 0, 0], [0, 0, 1.5, 0, 0, 0.0]]))
    assert (easy, hard) == (pytest.approx(0.2, abs=0.05), pytest.approx(0.8, abs=0.05))
    noise = fit(features, rng.uniform(size=300))
    assert abs(noise.correlation) < 0.4
    with pytest.raises(DataError, match="5 questions"):
        fit(features[:5], wrong[:5])


def test_so_few_questions_that_noise_would_look_foreseen_are_refused() -> None:
    rng = np.random.default_rng(0)
    features, noise = rng.normal(size=(50, 6)), rng.uniform(size=50)
    assert abs(fit(features, noise).correlation) < 0.9
    with pytest.raises(DataError, match=r"12 questions .* at least 50"):
        fit(features[:12], noise[:12])  # two of them held out: a correlation of 1 or -1
