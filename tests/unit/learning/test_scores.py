"""A score in a packed row is what transformers' own classifier of the same weights says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from rlsys.config.run import Precision
from rlsys.learning.layout import lay_out
from rlsys.learning.packing_proof import check_packing
from rlsys.learning.scores import ScoreModel, load_classifier
from tests.helpers.tiny_models import ARCHITECTURES, TOKENIZER, Architecture

WITH_A_CLASSIFIER = [
    one
    for one in ARCHITECTURES
    if not one.refusal and type(one.config()) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
]


@pytest.mark.parametrize("architecture", WITH_A_CLASSIFIER, ids=lambda one: one.kind)
def test_both_sides_of_a_pair_behind_one_prompt_have_the_scores_they_have_alone(
    architecture: Architecture, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(architecture.config()).save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    network = ScoreModel(load_classifier(tmp_path, torch.float32)).eval()
    check_packing(network, np.arange(5, 65), Precision.float32)
    assert not network.model.score.weight.any()
    torch.nn.init.normal_(network.model.score.weight)

    prompt, chosen, rejected = np.arange(5, 20), np.arange(20, 40), np.arange(50, 53)
    layout = lay_out([[0, 1]], [prompt, prompt], [chosen, rejected])
    with torch.no_grad():
        (found,) = network(layout)
        network.model.set_attn_implementation("eager")
        alone = [
            network.model(input_ids=torch.from_numpy(np.concatenate([prompt, side]))[None])
            for side in (chosen, rejected)
        ]
    expected = torch.stack([output.logits[0, 0] for output in alone])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
