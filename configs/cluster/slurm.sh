#!/usr/bin/env bash
# A run on Slurm: a Ray cluster over the nodes of the job, which ends with the run. From a clone in a folder that
# all nodes see, with its .venv made by `make setup` on a node that has GPUs:
#   sbatch configs/cluster/slurm.sh configs/two_nodes.yaml data.train=/shared/train.jsonl
# One node: sbatch --nodes=1 configs/cluster/slurm.sh configs/one_node.yaml data.train=/shared/train.jsonl
# What follows the config is handed to `rlsys train`. Partition and account: sbatch --partition=... --account=...
#SBATCH --job-name=rlsys
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=24:00:00
set -euo pipefail

config=${1:?a config, such as configs/two_nodes.yaml}
shift
cd "$SLURM_SUBMIT_DIR"
# shellcheck source=/dev/null
source .venv/bin/activate

# Ray asks for a token, which all nodes read from the home folder that they share.
export RAY_AUTH_MODE=token
[ -f ~/.ray/auth_token ] || ray get-auth-token --generate >/dev/null
# A node may take its time: environments on shared folders load slowly.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=600

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=${hosts%%$'\n'*}
address=$(srun --nodes=1 --ntasks=1 --nodelist="$first" hostname --ip-address | cut -d ' ' -f 1)
# The same command on every node: the first one's runs the driver, and all of them stop Ray at its end.
srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_ON_NODE" \
    ray symmetric-run --address "$address:6379" --min-nodes "$SLURM_JOB_NUM_NODES" \
    -- python -m rlsys train --config "$config" "$@"
