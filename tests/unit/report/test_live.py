"""A report that follows its runs."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rlsys.errors import ConfigError
from rlsys.report.live import HOST, Fresh, server, watch


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_page_is_made_again_when_it_is_old_by_four_times_what_it_took() -> None:
    clock, made = Clock(), list[float]()

    def make() -> str:
        made.append(clock.seconds)
        clock.seconds += 10.0
        return f"page {len(made)}"

    fresh = Fresh(make, now=clock)
    assert fresh.page() == fresh.page() == "page 1"
    clock.seconds += 39.0
    assert fresh.page() == "page 1"
    clock.seconds += 1.0
    assert fresh.page() == "page 2"


def test_the_file_is_written_until_the_runs_are_over_and_once_more_then(tmp_path: Path) -> None:
    file, ends = tmp_path / "a.html", iter([False, False, True])
    pages, naps = iter(["one", "two", "three"]), list[str]()
    watch(
        Fresh(lambda: next(pages), least_s=0.0),
        file,
        lambda: next(ends),
        lambda _: naps.append(file.read_text()),
    )
    assert naps == ["one", "two"]
    assert file.read_text() == "three"


@pytest.fixture
def port() -> Iterator[int]:
    with server(Fresh(lambda: "<p>here</p>"), 0) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made.server_address[1]
        made.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/?a=b", HOST, 200),
        ("/etc/passwd", "localhost", 404),
        ("/", "rebound.example.org", 403),
    ],
)
def test_the_page_is_served_under_our_own_names_alone(
    port: int, path: str, host: str, status: int
) -> None:
    connection = http.client.HTTPConnection(HOST, port)
    with closing(connection):
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        reply = connection.getresponse()
        assert reply.status == status
        assert (reply.read() == b"<p>here</p>") == (status == 200)


def test_a_port_that_is_taken_is_an_error_with_the_nearest(port: int) -> None:
    with pytest.raises(ConfigError, match=rf"--serve {port}: .*nearest valid: --serve 0"):
        server(Fresh(lambda: ""), port)
