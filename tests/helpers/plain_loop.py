"""The synchronous algorithm in one piece, which the loop with max_staleness=0 is compared with."""

from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.loop.fleet import Fleet, Message
from rlsys.loop.outcome import learn_request
from rlsys.loop.ready import ReadyGroup


async def train_plainly(
    fleet: Fleet, prompts: PromptStream, config: RunConfig, steps: int
) -> list[dict[str, float]]:
    """One thing after another: a batch is sampled, graded, scored, learned, published."""
    size, metrics = config.loop.group_size, []
    for version in range(steps):
        groups = []
        for i in range(config.loop.groups_per_step):
            group_id = version * config.loop.groups_per_step + i
            prompt = next(prompts)
            sampled = await fleet.sample(Message((group_id,), (prompt,), size), config.sampling)
            scored = await fleet.grade(sampled)
            referenced = await fleet.score_reference(sampled)
            group = ReadyGroup(
                group_id=group_id,
                prompt_id=prompt.prompt_id,
                oldest_version=version,
                refs=(sampled.rollouts, scored.scores, referenced and referenced.reference),
                row=0,
                rewards=scored.rewards,
                correct=scored.correct,
                num_tokens=sampled.num_tokens,
                truncated=sampled.truncated,
                kl=None if referenced is None else referenced.kl,
                components=scored.components,
                difficulty=float("nan"),
            )
            groups.append(group)
        metrics.append(await fleet.learn(learn_request(version, groups, config)))
        await fleet.publish(version + 1)
    return metrics
