"""For all tests: no test is timed, since the machine may be busy."""

from hypothesis import settings

settings.register_profile("rlsys", deadline=None)
settings.load_profile("rlsys")
