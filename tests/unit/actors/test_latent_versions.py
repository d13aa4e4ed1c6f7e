from actors.rollout_worker import oldest_versions
from rlsys import schema


def test_the_oldest_version_of_a_completion_counts_its_latents() -> None:
    columns: dict[str, list[object]] = {name: [None] * 3 for name in schema.ROLLOUTS.names}
    columns["policy_versions"] = [[4, 5], [5, 5], [5]]
    columns["latent_version"] = [None, 4, 5]
    rollouts = schema.build(schema.ROLLOUTS, columns)
    assert oldest_versions(rollouts).tolist() == [4, 4, 5]
