"""Pictures, videos, sounds and tools are refused by name, and only where there are any."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.errors import DataError

ROW = {
    "data_source": "shapes",
    "prompt": [{"role": "user", "content": "How many corners?"}],
    "reward_model": {"style": "rule", "ground_truth": "3"},
}
TOOL = {"type": "function", "function": {"name": "search"}}


def refused(path, match):
    with pytest.raises(DataError, match=match):
        read_rows(path, DataConfig())


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("images", [{"path": "a.png", "bytes": None}], "pictures"),
        ("image", "a.png", "pictures"),
        ("image_2", "a.png", "pictures"),
        ("image_path", "a.png", "pictures"),
        ("img", "a.png", "pictures"),
        ("decoded_image", {"path": "a.png"}, "pictures"),
        ("videos", ["a.mp4"], "videos"),
        ("audio", {"array": [0.5]}, "sounds"),
        ("multi_modal_data", {"image": ["a.png"]}, "pictures, videos or sounds"),
        ("tools", [TOOL], "tools"),
        ("tools", '[{"name": "search"}]', "tools"),
    ],
)
def test_a_column_that_changes_the_task_is_named(write_rows, column, value, kind):
    path = write_rows(ROW, ROW | {column: value})
    refused(path, rf"row 2, column {column}: expected no {kind}, which are not supported, got ")


@pytest.mark.parametrize("empty", [None, [], "", "[]", {}, [None], [{"path": None, "bytes": None}]])
@pytest.mark.parametrize("column", ["images", "image", "videos", "audios", "tools"])
def test_such_a_column_without_anything_in_it_is_fine(write_rows, column, empty):
    assert read_rows(write_rows(ROW | {column: empty}), DataConfig()).rows[0].expected == "3"


def test_pictures_of_a_parquet_file_are_refused_as_bytes(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([ROW | {"images": [{"bytes": b"\x89PNG"}]}]), path)
    refused(str(path), "row 1, column images: expected no pictures")


@pytest.mark.parametrize("text", ["<image>How many?", "Look: <image_1>", "<|vision_start|>x"])
def test_a_place_for_a_picture_in_the_prompt_is_refused(write_rows, text):
    path = write_rows({"question": text, "answer": "3"})
    refused(path, "row 1, column prompt: expected text alone, as pictures are not supported")


def test_places_for_videos_and_sounds_are_refused(write_rows):
    for text, kind in (("<video>What happens?", "videos"), ("<|audio_pad|>Who?", "sounds")):
        refused(write_rows({"question": text, "answer": "3"}), f"as {kind} are not supported")


def test_a_tag_that_the_question_is_about_is_no_place_for_a_picture(write_rows):
    text = "What does <video src='a.mp4'></video> show? And <image>x</image>?"
    assert read_rows(write_rows({"question": text, "answer": "3"}), DataConfig()).rows[0].text


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("need_tools_kwargs", True, "tools"),
        ("tools_kwargs", {"search": {"create_kwargs": {"ground_truth": "3"}}}, "tools"),
        ("interaction_kwargs", {"name": "gsm8k"}, "conversations with an environment"),
    ],
)
def test_verl_rows_for_tools_and_environments_are_refused(write_rows, name, value, kind):
    path = write_rows(ROW | {"extra_info": {"index": 1, name: value}})
    refused(path, rf"row 1, column extra_info\.{name}: expected no {kind}, which are not supported")


def test_only_the_plain_agent_of_verl_is_read(write_rows):
    refused(
        write_rows(ROW | {"agent_name": "tool_agent"}),
        "column agent_name: expected single_turn_agent, the only one supported, got 'tool_agent'",
    )
    plain = {
        "agent_name": "single_turn_agent",
        "extra_info": {"need_tools_kwargs": False, "tools_kwargs": {"search": None}, "split": "t"},
    }
    assert read_rows(write_rows(ROW | plain), DataConfig()).rows[0].expected == "3"


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "I look.", "tool_calls": [TOOL]},
    ],
)
def test_messages_of_tools_are_refused(write_rows, turn):
    prompt = [*ROW["prompt"], turn, {"role": "user", "content": "And?"}]
    refused(write_rows(ROW | {"prompt": prompt}), "column prompt: expected no tool calls")


def test_the_container_image_of_a_repository_is_no_picture(write_rows):
    row = {
        "repo": "o/n",
        "instance_id": "o__n-1",
        "base_commit": "abc",
        "test_patch": "--- a/t\n",
        "problem_statement": "It breaks where <image> is used.",
        "FAIL_TO_PASS": ["t.py::test_a"],
        "PASS_TO_PASS": [],
        "image": "swebench/o__n-1",
    }
    assert read_rows(write_rows(row), DataConfig()).rows[0].info["image"] == "swebench/o__n-1"
