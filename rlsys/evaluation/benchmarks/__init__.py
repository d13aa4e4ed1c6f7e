"""One file for each benchmark; see rlsys.evaluation.benchmark."""
