"""The synchronous algorithm in one piece, which the loop with max_staleness=0 is compared with."""

from rlsys.algorithms.registry import Registry
from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.loop.fleet import Fleet, GroupBatch
from rlsys.loop.outcome import learn_request
from rlsys.loop.ready import ReadyGroup
from rlsys.roles import ROLLOUT, VERIFIER


async def train_plainly(
    fleet: Fleet, prompts: PromptStream, config: RunConfig, steps: int
) -> list[dict[str, float]]:
    """One thing after another: a batch is sampled, graded, scored, learned, published."""
    size, metrics = config.loop.group_size, []
    estimator = Registry().estimator_of(config.algorithm)
    for version in range(steps):
        groups = []
        for i in range(config.loop.groups_per_step):
            group_id = version * config.loop.groups_per_step + i
            prompt = next(prompts)
            sampled = await fleet.sample(GroupBatch((group_id,), (prompt,), size), config.sampling)
            graded = await fleet.grade(sampled)
            scored = {role: await fleet.score(role, sampled) for role in fleet.scorers}
            group = ReadyGroup(
                group_id=group_id,
                prompt_id=prompt.prompt_id,
                oldest_version=version,
                annotations={ROLLOUT: sampled.rollouts, VERIFIER: graded.grades}
                | {role: one.logprobs for role, one in scored.items()},
                row=0,
                rewards=graded.rewards,
                correct=graded.correct,
                num_tokens=sampled.num_tokens,
                truncated=sampled.truncated,
                log_ratios={role: one.log_ratio for role, one in scored.items()},
                components=graded.components,
                difficulty=float("nan"),
            )
            groups.append(group)
        most = config.sampling.max_tokens
        request = learn_request(version, groups, config.algorithm, most, estimator)
        metrics.append(await fleet.learn(request))
        await fleet.publish(version + 1)
    return metrics
