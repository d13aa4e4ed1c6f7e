"""Programs: found in a completion, run in the sandbox, compared outside."""
