"""Run after the installation: say what is wrong with it while it is cheap to mend."""

import sys
from importlib import metadata

import torch

if torch.version.cuda:
    sys.exit(
        f"torch {torch.__version__} is a CUDA build; requirements/cpu.lock needs the CPU build of "
        "the same version. Point pip at PyTorch's CPU index (PIP_EXTRA_INDEX_URL), then run "
        "`make clean setup`."
    )
for name in ("torchvision", "torchaudio", "torchcodec"):
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        continue
    sys.exit(f"{name} is installed: its CUDA build breaks transformers without CUDA; remove it")
