import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.errors import SchemaError

ONE_REFERENCE = {"group_id": [4], "sample_index": [0], "reference_logprobs": [[-0.5, -1.5]]}
CONTRACTS = [
    schema.PROMPTS,
    schema.ROLLOUTS,
    schema.GRADES,
    schema.REFERENCE,
    schema.training(),
]


def test_build_makes_a_batch_of_its_contract() -> None:
    batch = schema.build(schema.REFERENCE, ONE_REFERENCE)
    assert schema.check(batch, schema.REFERENCE) is batch
    assert batch.column("reference_logprobs").to_pylist() == [[-0.5, -1.5]]
    assert batch.schema.field("group_id").type == pa.int64()


def test_column_order_does_not_matter() -> None:
    reversed_columns = dict(reversed(ONE_REFERENCE.items()))
    assert schema.build(schema.REFERENCE, reversed_columns).equals(
        schema.build(schema.REFERENCE, ONE_REFERENCE)
    )


def test_missing_and_unknown_columns_are_named() -> None:
    columns = {"group_id": [4], "sample_index": [0], "logprobs": [[-0.5]]}
    with pytest.raises(SchemaError, match=r"reference: missing columns \['reference_logprobs'\], "):
        schema.build(schema.REFERENCE, columns)
    with pytest.raises(SchemaError, match=r"unknown columns \['logprobs'\]"):
        schema.build(schema.REFERENCE, columns)


@pytest.mark.parametrize(
    "bad",
    [
        {"group_id": ["four"]},
        {"sample_index": [2**40]},
        {"reference_logprobs": [-0.5]},
        {"reference_logprobs": [["a"]]},
        {"group_id": [4, 5]},
    ],
)
def test_a_column_of_another_type_or_length_is_refused(bad: dict) -> None:
    with pytest.raises(SchemaError, match="reference: "):
        schema.build(schema.REFERENCE, ONE_REFERENCE | bad)


def test_a_batch_of_another_contract_is_refused_with_both_names() -> None:
    batch = schema.build(schema.REFERENCE, ONE_REFERENCE)
    with pytest.raises(SchemaError, match=r"expected a grades batch .* got reference with columns"):
        schema.check(batch, schema.GRADES)


def test_a_batch_of_another_version_is_refused() -> None:
    batch = schema.build(schema.REFERENCE, ONE_REFERENCE)
    newer = batch.replace_schema_metadata({"rlsys.contract": "reference", "rlsys.version": "2"})
    with pytest.raises(SchemaError, match="expected a reference batch"):
        schema.check(newer, schema.REFERENCE)


def test_a_batch_without_a_contract_is_refused() -> None:
    batch = schema.build(schema.REFERENCE, ONE_REFERENCE).replace_schema_metadata(None)
    with pytest.raises(SchemaError, match="got unnamed with columns"):
        schema.check(batch, schema.REFERENCE)


def test_slices_and_files_keep_the_contract() -> None:
    batch = schema.build(schema.REFERENCE, {k: v * 3 for k, v in ONE_REFERENCE.items()})
    schema.check(batch.slice(1, 2), schema.REFERENCE)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    (again,) = pa.ipc.open_stream(sink.getvalue())
    assert schema.check(again, schema.REFERENCE).equals(batch)


@pytest.mark.parametrize("contract", CONTRACTS, ids=schema.contract_name)
def test_an_empty_batch_of_every_contract_can_be_built(contract: pa.Schema) -> None:
    batch = schema.build(contract, {name: [] for name in contract.names})
    assert batch.num_rows == 0
    schema.check(batch, contract)


def test_contracts_have_names_of_their_own() -> None:
    names = [schema.contract_name(contract) for contract in CONTRACTS]
    assert names == ["prompts", "rollouts", "grades", "reference", "training"]


def test_a_training_row_has_the_columns_that_the_loss_needs_of_a_rollout() -> None:
    shared = set(schema.training().names) & set(schema.ROLLOUTS.names)
    for name in shared:
        assert schema.training().field(name).type == schema.ROLLOUTS.field(name).type
    assert {"token_ids", "rollout_logprobs", "policy_versions"} <= shared
