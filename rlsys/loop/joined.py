"""What the roles say of a batch, put together: groups that are ready for the learner."""

from collections.abc import Mapping

from rlsys.loop.fleet import Graded, GroupBatch, Sampled, Scored
from rlsys.loop.ready import ReadyGroup
from rlsys.roles import ROLLOUT, VERIFIER


def ready_groups(
    batch: GroupBatch, sampled: Sampled, graded: Graded, scored: Mapping[str, Scored]
) -> list[ReadyGroup]:
    """A batch that was sampled, graded and scored as groups for the learner, one by one.

    Args:
        scored: by the role of each frozen policy.
    """
    annotations = {ROLLOUT: sampled.rollouts, VERIFIER: graded.grades} | {
        role: one.logprobs for role, one in scored.items()
    }
    groups = []
    for number, (group_id, prompt) in enumerate(zip(batch.group_ids, batch.prompts, strict=True)):
        rows = slice(number * batch.size, (number + 1) * batch.size)
        groups.append(
            ReadyGroup(
                group_id=group_id,
                prompt_id=prompt.prompt_id,
                oldest_version=int(sampled.oldest_version[rows].min()),
                annotations=annotations,
                row=rows.start,
                rewards=graded.rewards[rows],
                correct=graded.correct[rows],
                num_tokens=sampled.num_tokens[rows],
                truncated=sampled.truncated[rows],
                log_ratios={role: one.log_ratio[rows] for role, one in scored.items()},
                components={n: c[rows] for n, c in graded.components.items()},
                difficulty=float("nan") if prompt.difficulty is None else prompt.difficulty,
                source=prompt.source,
                statuses=graded.statuses[rows],
            )
        )
    return groups
