"""Each architecture of docs/models.md is what the page says of it, on a tiny random model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, PreTrainedModel

from rlsys.config.model_files import read_config
from rlsys.config.models import NOT_SAMPLED, WORKS, refusal
from rlsys.config.run import Precision
from rlsys.errors import ConfigError
from rlsys.learning.lora import weights_of
from rlsys.learning.packing_proof import check_packing
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.weights.saved_form import SavedForm
from tests.helpers.places import DOCS
from tests.helpers.tiny_models import ARCHITECTURES, VOCABULARY, Architecture, build, table

DOCS = DOCS / "models.md"
BEGIN, END = "<!-- architectures -->\n", "\n<!-- end of architectures -->"
TRAINED = [one for one in ARCHITECTURES if not one.refusal or one.kind in NOT_SAMPLED]
# Of Llama 4 transformers finds no decoder of text alone.
REFUSED = [one for one in ARCHITECTURES if one not in TRAINED and one.kind != "llama4_text"]


@pytest.fixture(autouse=True)
def one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def by_the_book(model: PreTrainedModel, prompt: np.ndarray, completion: np.ndarray) -> np.ndarray:
    """log_softmax of the whole model's logits on prompt + answer alone, by its own attention."""
    ids = torch.from_numpy(np.concatenate([prompt, completion]))[None]
    with torch.no_grad():
        logprobs = model(input_ids=ids).logits[0].log_softmax(-1)
    steps = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return logprobs[steps, torch.from_numpy(completion)].numpy()


def prove_packing(folder: Path) -> None:
    policy = PolicyModel(load_causal_lm(folder, torch.float32).eval(), 1.0, 2048)
    check_packing(policy, np.arange(5, 65), Precision.float32)


def test_weights_that_are_no_numbers_are_not_blamed_on_packing(tmp_path: Path) -> None:
    build(TRAINED[0], tmp_path)
    policy = PolicyModel(load_causal_lm(tmp_path, torch.float32).eval(), 1.0, 2048)
    with torch.no_grad():
        policy.model.get_input_embeddings().weight[:, 0] = torch.nan
    with pytest.raises(ConfigError, match="no finite numbers: its weights hold such"):
        check_packing(policy, np.arange(5, 65), Precision.float32)


@pytest.mark.parametrize("architecture", TRAINED, ids=lambda one: one.kind)
def test_packed_logprobs_are_those_of_each_sequence_alone_and_weights_go_as_on_disk(
    architecture: Architecture, tmp_path: Path
) -> None:
    build(architecture, tmp_path)
    assert refusal(read_config(str(tmp_path), "MODEL")) == architecture.refusal
    plain = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    model = load_causal_lm(tmp_path, torch.float32).eval()
    policy = PolicyModel(model, 1.0, 2048)
    rng = np.random.default_rng(0)
    first, second = (rng.integers(5, VOCABULARY, size) for size in (7, 30))
    prompts = [first, second, second]
    completions = [rng.integers(5, VOCABULARY, size) for size in (20, 9, 40)]
    expected = [by_the_book(plain, p, a) for p, a in zip(prompts, completions, strict=True)]
    for share_prompts in (False, True):
        found = score_sequences(policy, prompts, completions, [0, 1, 1], share_prompts, 1 << 20)
        for own, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(own, right, atol=1e-5)
    check_packing(policy, first, Precision.float32)

    named = [(weight.name, weight.parameter.detach()) for weight in weights_of(model)]
    form = SavedForm(model, {name: tuple(p.shape) for name, p in named})
    sent = dict(form.of(named))
    assert {name: tuple(tensor.shape) for name, tensor in sent.items()} == form.shapes
    with safe_open(tmp_path / "model.safetensors", "pt") as disk:
        for name, tensor in sent.items():
            assert torch.equal(tensor, disk.get_tensor(name)), name
        on_disk = set(disk.keys())
    assert on_disk == set(sent)


@pytest.mark.parametrize("architecture", REFUSED, ids=lambda one: one.kind)
def test_what_is_refused_could_not_be_trained(architecture: Architecture, tmp_path: Path) -> None:
    build(architecture, tmp_path)
    assert refusal(read_config(str(tmp_path), "MODEL")) == architecture.refusal
    with pytest.raises(ConfigError):
        prove_packing(tmp_path)


def test_docs_show_the_table() -> None:
    shown = DOCS.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), "paste what `python tests/helpers/tiny_models.py` prints"


def test_what_works_is_the_same_in_errors_and_docs() -> None:
    assert list(WORKS) == [one.kind for one in ARCHITECTURES if not one.refusal]
