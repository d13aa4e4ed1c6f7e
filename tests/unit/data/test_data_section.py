"""The data section of the config: what it refuses, and what importing it costs."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from rlsys.config.data import DataConfig, PromptTemplate, RowFormat, validate
from rlsys.errors import ConfigError


def test_enums_are_written_by_member_name():
    merged = OmegaConf.merge(
        OmegaConf.structured(DataConfig), {"format": "gsm8k", "template": "r1_zero"}
    )
    config = OmegaConf.to_object(merged)
    assert isinstance(config, DataConfig)
    assert (config.format, config.template) == (RowFormat.gsm8k, PromptTemplate.r1_zero)


def test_the_defaults_are_valid():
    assert validate(DataConfig()) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_key": "q", "format": RowFormat.verl}, r"nearest valid: data\.format=openrlhf"),
        (
            {"system_prompt": "Hi", "template": PromptTemplate.verbatim},
            r"data\.system_prompt has no place",
        ),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        validate(DataConfig(**settings))


def test_holdout_is_not_needed_beside_a_test_file():
    assert validate(DataConfig(train="a.jsonl", test="b.jsonl", holdout=0)) is None


def test_reading_data_imports_nothing_heavy():
    code = (
        "import sys, rlsys.data.inspection.survey, rlsys.data.load, rlsys.data.stream;"
        "heavy = {'torch', 'ray', 'vllm', 'transformers', 'deepspeed'} & set(sys.modules);"
        "print(heavy or 'nothing')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "nothing\n")
