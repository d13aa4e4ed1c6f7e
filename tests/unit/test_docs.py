"""What README and docs/ say of names, columns, settings and files is there."""

import dataclasses
import re

import pytest

from rlsys import schema
from rlsys.algorithms.contract import ESTIMATOR_COLUMNS, LOSS_COLUMNS
from rlsys.algorithms.estimator_properties import check_estimator
from rlsys.algorithms.loss_properties import check_loss
from rlsys.algorithms.registry import ROLE_COLUMNS, Registry
from rlsys.algorithms.settings import check_algorithm
from rlsys.config.data import PromptTemplate, RowFormat
from rlsys.config.load import load
from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.roles import CONTRACTS
from tests.helpers.adversarial_programs import read
from tests.helpers.places import ROOT
from verifiers.base import Completion
from verifiers.compose import Composite, run_self_test
from verifiers.registry import Registry as VerifierRegistry
from verifiers.registry import options_of

KINDS = ("python", "yaml")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def text(name):
    return (ROOT / name).read_text()


def code_names(page):
    return set(re.findall(r"`([^`\n]+)`", page))


def own_names(page):
    """Without those in the first cells of coming_from.md, which are other projects'."""
    text = page.read_text()
    if page.name == "coming_from.md":
        text = re.sub(r"^\|[^|]*", "", text, flags=re.MULTILINE)
    return code_names(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_exist(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = page if not path else (page.parent / path).resolve()
        assert linked.is_file(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert heading in slugs, target


def test_the_site_has_every_page():
    in_nav = re.findall(
        r"^ +- .*?(\w+\.md)$", text("mkdocs.yml").split("\nnav:\n")[1], re.MULTILINE
    )
    assert sorted(in_nav) == sorted(page.name for page in ROOT.glob("docs/*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_pages_exist(page):
    for name in code_names(page.read_text()):
        if re.fullmatch(r"(configs|rlsys|actors|verifiers|benchmarks|tests)/[\w/.]+", name):
            assert (ROOT / name).exists() or "NAME" in name, name


@pytest.mark.parametrize("path", sorted(ROOT.glob("benchmarks/*.py")), ids=lambda path: path.name)
def test_a_benchmark_says_how_it_is_called_and_is_named_where_people_look(path):
    module = path.read_text()
    if '__name__ == "__main__"' not in module:
        return
    by_another = re.search(rf"^    PYTHON {path.name} ", module, re.MULTILINE)
    called = f"python benchmarks/{path.name}"
    assert by_another or re.search(rf"^    (\S+=\S+ )?{called}", module, re.MULTILINE)
    named_in = [*PAGES, ROOT / "Makefile"]
    assert by_another or any(f"benchmarks/{path.name}" in page.read_text() for page in named_in)


def test_the_readmes_plugin_is_short_and_passes_its_self_test(tmp_path):
    found = re.search(r"```python\n(.*?)```", text("README.md"), re.DOTALL)
    assert found is not None
    path = tmp_path / "brief.py"
    path.write_text(found[1])
    assert sum(bool(line.strip()) for line in found[1].splitlines()) <= 12
    config = VerifiersConfig(plugins=[str(path)], rewards=[RewardConfig("brief")])
    assert run_self_test(Composite(config)) == 2


def test_the_loss_and_the_estimator_of_ones_own_work_as_they_are_shown(tmp_path):
    section = text("docs/algorithms.md").split("## Your own loss or advantage")[1]
    code, yaml = (re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL) for kind in KINDS)
    plugin, config = tmp_path / "surer.py", tmp_path / "surer.yaml"
    plugin.write_text(code[1])
    assert sum(bool(line.strip()) for line in code[1].splitlines()) <= 15
    config.write_text(yaml[1].replace("./surer.py", str(plugin)))
    algorithm = load(config, [], check_algorithm).algorithm
    registry = Registry(algorithm.plugins)
    findings = [
        *check_loss(registry.loss_of(algorithm)),
        *check_estimator(registry.estimator_of(algorithm)),
    ]
    assert [finding for finding in findings if not finding.passed] == []


def test_the_columns_of_losses_and_estimators_are_listed():
    section = text("docs/algorithms.md").split("## Your own loss or advantage")[1]
    losses, estimators = section.split("| column of a")[1:3]
    assert first_cells(losses) == {*LOSS_COLUMNS, *ROLE_COLUMNS, "policy_versions"}
    assert first_cells(estimators) == {*ESTIMATOR_COLUMNS}


def first_cells(table):
    rows = re.findall(r"^\| (`\w+`[^|]*) \|", table.partition("\n\n")[0], re.MULTILINE)
    return {name for row in rows for name in code_names(row)}


def test_what_a_verifier_gets_of_a_completion_is_listed():
    section = text("docs/verifiers.md").split("What `verify` gets of a completion:")[1]
    table = section.partition("And of a verdict")[0]
    fields = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert fields == [field.name for field in dataclasses.fields(Completion)]


def test_every_built_in_verifier_is_explained_with_its_options_and_their_defaults():
    section = text("docs/verifiers.md").split("\n## Built in\n")[1].split("\n## ")[0]
    explained = set(re.findall(r"^\*\*(\w+)\*\*", section, re.MULTILINE))
    rows = re.findall(r"^\| (`\w+`[^|]*) \|([^|]*)\|", section, re.MULTILINE)
    said = {
        (option, default)
        for options, defaults in rows
        for option, default in zip(
            re.findall(r"`(\w+)`", options), defaults.strip().split(", "), strict=False
        )
    }
    registry = VerifierRegistry()
    assert set(registry.names()) <= explained
    for name in sorted(explained):
        for option, parameter in options_of(registry.factory(name)).items():
            assert option in {option for option, _ in said}, f"{name}: {option}"
            if isinstance(default := parameter.default, float | int):
                shown = str(default).lower() if isinstance(default, bool) else f"{default:g}"
                assert (option, shown) in said, f"{name}: {option}={shown}"


def test_the_hostile_and_honest_programs_are_as_many_as_is_said():
    page = text("docs/security.md")
    for kind in ("hostile", "honest"):
        said = re.search(rf"`tests/adversarial/{kind}` holds (\d+)", page)
        assert said is not None
        assert int(said[1]) == sum(map(len, read(kind).values())), kind


def test_every_contract_lists_its_columns():
    page = text("docs/architecture.md")
    contracts = [schema.PROMPTS, *CONTRACTS.values(), schema.training()]
    for contract in contracts:
        name = schema.contract_name(contract)
        row = re.search(rf"^\| `{name}` \|.*\| (.*) \|$", page, re.MULTILINE)
        assert row is not None
        columns = re.findall(r"[a-z_]+", re.sub(r"\([^)]*\)", "", row[1]))
        assert columns == contract.names


def test_every_section_of_the_settings_is_explained():
    page = text("docs/running.md")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert {field.name for field in dataclasses.fields(RunConfig)} <= rows


def test_settings_named_in_the_pages_exist():
    sections = {field.name for field in dataclasses.fields(RunConfig)}
    config = load(ROOT / "configs" / "base.yaml", ["learner.lora={}"])
    for page in PAGES:
        for name in own_names(page):
            section, _, setting = name.partition("=")[0].partition(".")
            is_setting = re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", setting) is not None
            if section not in sections or not is_setting or setting in ("py", "yaml", "json"):
                continue
            value = config
            for part in (section, *setting.split(".")):
                assert part in vars(value), f"{page.name}: {name}"
                value = vars(value)[part]


def test_settings_that_stand_for_those_of_other_trainers_do_so_together():
    page = text("docs/coming_from.md")
    cells = re.findall(r"^\| [^|]+ \| ([^|]+) \|[^|]*\|$", page, re.MULTILINE)
    settings = [[name for name in code_names(cell) if "=" in name] for cell in cells]
    assert sum(map(len, settings)) > 40
    for together in filter(None, settings):
        load(ROOT / "configs" / "base.yaml", together)


def test_the_config_beside_trls_script_is_one(tmp_path):
    yaml = re.search(r"```yaml\n(.*?)```", text("docs/coming_from.md"), re.DOTALL)
    assert yaml is not None
    (tmp_path / "rewards.py").write_text(
        "def brevity(completions, **columns):\n    return [-1.0 for text in completions]\n"
    )
    path = tmp_path / "brief.yaml"
    path.write_text(yaml[1].replace("./rewards.py", str(tmp_path / "rewards.py")))
    assert load(path).verifiers.rewards[0].range == [-1, 0]


def test_every_row_format_and_template_is_explained():
    page = text("docs/data.md")
    rows = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    formats = {layout.name for layout in RowFormat} - {"auto"}
    assert formats | {template.name for template in PromptTemplate} <= rows
