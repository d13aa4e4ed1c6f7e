"""`rlsys push`: a policy with its card, to the Hugging Face hub."""

import os
from pathlib import Path
from typing import Annotated

import typer

_KEPT_HERE = ["manifest.json"]
"""It names folders and hosts of this machine; the card has what others need of it."""


def push(
    policy: Annotated[str, typer.Argument(help="A policy's folder, or a run, whose newest it is.")],
    repository: Annotated[str, typer.Argument(help="ORGANIZATION/NAME on the hub.")],
    private: Annotated[bool, typer.Option(help="For those alone whom you let in.")] = False,
) -> None:
    """Upload a policy to the hub, with the card (README.md) that its lineage makes."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    from rlsys import hub
    from rlsys.config.model_names import find_model
    from rlsys.config.run import RunSection
    from rlsys.config.weight_files import require_weights
    from rlsys.errors import ConfigError, HubError
    from rlsys.recipes.card import FILE, write_card

    named = f"POLICY {policy}"
    folder = Path(find_model(policy, named, RunSection().directory)).expanduser()
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{named}: no folder with a config.json, so no policy")
    require_weights(str(folder), named)
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ConfigError(f"REPOSITORY {repository}: {error}") from error
    if "/" not in repository:
        raise ConfigError(f"REPOSITORY {repository}: expected ORGANIZATION/NAME")
    if not (folder / FILE).is_file():
        write_card(folder)
    if silence := hub.silence():
        raise HubError(f"{repository}: {silence.rpartition(', and')[0]}")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=f"{folder.name} by rlsys",
            ignore_patterns=_KEPT_HERE,
        )
    except LocalTokenNotFoundError as error:
        raise HubError(f"{repository}: there is no token: `hf auth login`, or HF_TOKEN") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise HubError(f"{repository}: the hub refuses: {reason}") from error
    typer.echo(f"{folder} is now {done.commit_url}")
