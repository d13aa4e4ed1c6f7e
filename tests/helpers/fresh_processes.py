"""Processes of their own, forked off one that has imported what takes five seconds to be, and has
computed nothing."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext

START_METHOD = "forkserver"


def fresh_processes() -> ForkServerContext:
    """As multiprocessing starts them."""
    context = get_context(START_METHOD)
    context.set_forkserver_preload(["tests.helpers.imported"])
    return context
