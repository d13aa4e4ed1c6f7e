"""Trying plug-ins on a few completions before a run: one that cannot grade is known at once.

Its own self-test has passed by then, on completions that its author thought of. Here it meets what
a policy will bring: the run's own prompts and expected answers.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.data.gold import gold_completion
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt
from rlsys.errors import VerifierError
from rlsys.grading.process import VerifierProcess
from verifiers.base import Completion
from verifiers.compose import SILENT
from verifiers.faults import quoted
from verifiers.registry import Registry

_COMPLETIONS = (("", "stop"), ("I do not know.", "stop"), ("<think>\nPerhaps it is 7", "length"))
"""No completion, one in no form, and one that was cut off: what any policy writes in time."""


def try_plugins(
    config: VerifiersConfig,
    sandbox: SandboxConfig,
    rows: Sequence[Row],
    prompts: Sequence[Prompt],
    notice: Callable[[str], None],
) -> None:
    """Grade the right completion and a few wrong ones of each source's first prompt, with all
    rewards that come from plug-in files or installed packages; nothing is started for a run without
    any.

    Raises:
        VerifierError: a plug-in cannot be made, fails its self-test, or has no verdict on one of
            the completions, or all rewards of a source have nothing to say of any; names it, the
            completion and the cause.
    """
    rewards = [r for r in config.rewards if not Registry.is_built_in(_kind(r))]
    if not rewards:
        return
    notice(f"trying the plug-ins: {', '.join(map(_kind, rewards))}")
    # Gates and rewards without a weight grade as well, and each is tried by itself.
    alone = [replace(r, name=_name(r), weight=1.0, gate=False) for r in rewards]
    spoke: set[tuple[str, str]] = set()
    silent: dict[tuple[str, str], str] = {}
    for reward in alone:
        process = VerifierProcess(replace(config, rewards=[reward]), sandbox)
        try:
            for where, completion in _trials(reward, rows, prompts):
                (verdict,) = process.grade([completion])
                about = (completion.source, reward.name)
                if verdict.reward is not None:
                    spoke.add(about)
                elif verdict.reason.startswith(SILENT):  # others may grade this source
                    silent[about] = f"{where}: {verdict.reason}"
                else:
                    raise VerifierError(
                        f"the verifier {_kind(reward)!r} has no verdict on the completion "
                        f"{quoted(completion.text)} to {where}: {verdict.reason}"
                    )
        finally:
            process.close()
    for source, name in silent.keys() - spoke:
        paid = [r for r in config.rewards if r.weight > 0 and not r.gate]
        graders = {_name(r) for r in paid if not r.sources or source in r.sources}
        if all((source, one) in silent.keys() - spoke for one in graders):
            raise VerifierError(
                f"the verifier {name!r} has no reward for any completion that was tried to "
                f"{silent[source, name]}; without another component that grades the source "
                f"{source!r}, nothing can be learned from it"
            )


def _trials(
    reward: RewardConfig, rows: Sequence[Row], prompts: Sequence[Prompt]
) -> Iterator[tuple[str, Completion]]:
    """Where the prompt lies, and a completion to it, for the first prompt of each source."""
    row_of = {row.prompt_id: row for row in rows}
    first = {prompt.source: prompt for prompt in reversed(prompts)}
    for source, prompt in first.items():
        if reward.sources and source not in reward.sources:
            continue
        row = row_of[prompt.prompt_id]
        right = gold_completion(row, prompt.text)
        expected, info = json.loads(prompt.expected), json.loads(prompt.info)
        for text, finish in [*([] if right is None else [(right, "stop")]), *_COMPLETIONS]:
            yield row.where, Completion(prompt.text, text, expected, info, source, finish)


def _name(reward: RewardConfig) -> str:
    return reward.name or reward.verifier


def _kind(reward: RewardConfig) -> str:
    return reward.verifier or reward.name
