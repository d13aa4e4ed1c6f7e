"""What requests used, and what that costs."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, DataError
from rlsys.thinking.usage import Price, Usage, read_price, used
from tests.helpers.reported_run import cut_in_half


def write_samples(path: Path, source: str, rows: list[tuple[int, int, int]]) -> None:
    """rows: prompt, thinking and answer tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "source": [source] * len(rows),
        "prompt_token_ids": [list(range(prompt)) for prompt, _, _ in rows],
        "reasoning_tokens": [thinking for _, thinking, _ in rows],
        "answer_tokens": [answer for _, _, answer in rows],
    }
    pq.write_table(pa.table(columns), path)


def test_thinking_is_billed_as_output() -> None:
    usage = Usage(prompt_tokens=1_000_000, thinking_tokens=2_000_000, answer_tokens=500_000)
    # 1 M of input at 0.5, and 2.5 M of output at 2 dollars.
    assert Price(0.5, 2.0).cost(usage) == pytest.approx(5.5)
    assert usage.output_tokens == 2_500_000


def test_thinkings_share_of_the_context_is_the_mean_over_requests() -> None:
    assert Usage(0, 600, 0, requests=3).thinking_share(context=1000) == pytest.approx(0.2)


def test_a_folders_samples_are_added_up_by_source(tmp_path: Path) -> None:
    write_samples(tmp_path / "a" / "t0.6" / "part-0.parquet", "a", [(3, 5, 1), (2, 0, 4)])
    write_samples(tmp_path / "a" / "t1" / "part-0.parquet", "a", [(1, 1, 1)])
    write_samples(tmp_path / "b" / "t1" / "part-0.parquet", "b", [(7, 7, 7)])
    assert used(tmp_path) == {"a": Usage(6, 6, 6, 3), "b": Usage(7, 7, 7, 1)}


def test_a_folder_without_samples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no samples"):
        used(tmp_path)


def test_the_command_shows_tokens_and_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    write_samples(tmp_path / "samples" / "step-1.parquet", "sums", [(1000, 3000, 1000)])
    prices = tmp_path / "prices.yaml"
    prices.write_text("mine: {input: 100, output: 1000}\n")
    asked = ["thinking", "usage", str(tmp_path), "--prices", str(prices), "--price-of", "mine"]
    lines = CliRunner().invoke(app, asked, catch_exceptions=False).output.splitlines()
    assert lines[1].split() == ["sums", "1", "1,000", "3,000", "1,000", "75.0%", "4.1000"]


def test_a_price_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("local: {input: 0.1, output: 0.4}\nlarge: {input: -1, output: 2}\n")
    assert read_price(prices, "local") == Price(0.1, 0.4)
    with pytest.raises(ConfigError, match="no model 'locale'; did you mean 'local'"):
        read_price(prices, "locale")
    with pytest.raises(ConfigError, match=r"large\.input=-1 must be US dollars"):
        read_price(prices, "large")
    with pytest.raises(ConfigError, match="no such file"):
        read_price(tmp_path / "none.yaml", "local")
    prices.write_text("local: {input: 0.1\nlarge: [\n")
    with pytest.raises(ConfigError, match=r"prices\.yaml is not valid YAML: line 2"):
        read_price(prices, "local")


def test_samples_that_a_copy_cut_off_are_an_error_that_names_them(tmp_path: Path) -> None:
    part = tmp_path / "a" / "part-0.parquet"
    write_samples(part, "a", [(3, 5, 1)])
    cut_in_half(part)
    with pytest.raises(DataError, match=r"part-0\.parquet cannot be read"):
        used(tmp_path)
