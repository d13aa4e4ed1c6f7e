"""python requirements/check_install.py LOCK, after the installation: say what is wrong with it
while it is cheap to mend."""

import sys
from importlib import metadata
from pathlib import Path

IS_FOR_CPUS = Path(sys.argv[1]).name == "cpu.lock"
OTHER_BUILD = (
    "is PyPI's build for CUDA; requirements/cpu.lock needs the CPU build of the same version. "
    "Point pip at it (PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu), then run "
    "`make clean setup`."
)

try:
    import torch
except (ImportError, OSError) as error:
    version = metadata.version("torch")
    if IS_FOR_CPUS and not version.endswith("+cpu"):
        sys.exit(f"torch {version} does not load ({error}): it {OTHER_BUILD}")
    sys.exit(f"torch {version} does not load: {error}")
if not IS_FOR_CPUS:
    if not torch.version.cuda:
        sys.exit(
            f"torch {torch.__version__} is a CPU build; requirements/gpu.lock needs the one for "
            "CUDA, as PyPI has it. Take other indexes out of pip's settings (`pip config list`), "
            "then run `make clean setup`."
        )
    if not torch.cuda.is_available():
        sys.exit(
            f"torch {torch.__version__} sees no GPU: CUDA {torch.version.cuda} needs driver 580.65 "
            "or newer (`nvidia-smi` shows it). Without GPUs: "
            "`make clean setup LOCK=requirements/cpu.lock`."
        )
    sys.exit()
if torch.version.cuda:
    sys.exit(f"torch {torch.__version__} {OTHER_BUILD}")
for name in ("torchvision", "torchaudio", "torchcodec"):
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        continue
    sys.exit(f"{name} is installed: its CUDA build breaks transformers without CUDA; remove it")
