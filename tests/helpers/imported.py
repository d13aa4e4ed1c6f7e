"""What fresh_processes.py has imported before it forks; nobody else imports this."""

import gc

import deepspeed  # noqa: F401

import rlsys.learning.learner  # noqa: F401

gc.freeze()  # see rlsys/imports.py
