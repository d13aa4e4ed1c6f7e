"""RunConfig: every setting of a run, one section per component.

Each component gets its own section only. A number stands with its range; the string under a field
gives its unit and why this default. YAML files hold only what differs from these defaults.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.config.data import DataConfig
from rlsys.config.experts import ExpertsConfig
from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.loop import LoopConfig
from rlsys.config.lora import LoraConfig
from rlsys.config.merge import MergeConfig
from rlsys.config.observe import ObserveConfig
from rlsys.config.optimizer import OptimizerConfig
from rlsys.config.ranges import MAY_CHANGE, ranged
from rlsys.config.reward_model import RewardModelConfig
from rlsys.config.sample import SampleConfig
from rlsys.config.sandbox import SandboxConfig
from rlsys.config.served import ServedConfig
from rlsys.config.sft import SftConfig
from rlsys.config.thinking import ThinkingConfig
from rlsys.config.verifiers import VerifiersConfig

MOST_KEPT = 512
"""Tokens that truncated sampling may keep at a position: 2 KiB in a batch."""


class StageKind(Enum):
    """What a run does; rlsys/stages has a module for each."""

    rl = "rl"
    sft = "sft"
    sample = "sample"
    reward_model = "reward_model"
    merge = "merge"


class Precision(Enum):
    """Number format of weights and activations, by the name that torch uses."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass
class RunSection:
    """What the run is called and where its evidence goes."""

    name: str = ""
    """Folder under `directory`; empty: the config file's name, numbered when it exists."""
    stage: StageKind = StageKind.rl
    """rl: reinforcement, by `rlsys train`. sft: supervised fine-tuning, by `rlsys sft`. sample:
    rejection sampling, by `rlsys sample`. reward_model: by `rlsys reward-model`. merge: by `rlsys
    merge`. The commands need not be told."""
    directory: str = "runs"
    """Relative to where the command is started."""
    seed: int = ranged(0, least=0, most=2**31 - 1)
    """Seeds the prompt order, the sampler and the local policy."""
    deterministic: bool = False
    """true: on CPU, the same settings give the same weights and metrics, bit for bit. Needs
    loop.max_staleness=0 and one thread everywhere, and samplers sample one completion at a time, so
    it is for tests and for hunting a fault."""


@dataclass
class ModelConfig:
    """The policy to train."""

    path: str = ""
    """A Hugging Face model directory or hub id, or a run or its checkpoint, whose policy is taken
    (rlsys/config/model_names.py); empty or `local`: prepare the small local policy."""
    cache: str = "~/.cache/rlsys"
    """Where the prepared local policy is kept, by content."""
    max_context: int = ranged(512, least=1)
    """Tokens of prompt and completion together; the sampler's and the learner's limit."""
    local: LocalPolicyConfig = field(default_factory=LocalPolicyConfig)


@dataclass
class SamplingConfig:
    """How completions are sampled, in training."""

    max_tokens: int = ranged(128, least=1)
    """Completion tokens at most."""
    temperature: float = ranged(
        1.0, above=0, why="greedy completions of one prompt are all equal and carry no signal"
    )
    """1.0 samples the policy itself; the learner applies the same temperature."""
    top_k: int = ranged(
        0, least=0, most=MOST_KEPT, why="the learner is sent what is kept at each position"
    )
    """Only the k likeliest tokens are kept at each position, and share the whole probability;
    0: all. What is kept goes to learner and reference, whose logprobs are over the same tokens
    (docs/algorithms.md)."""
    top_p: float = ranged(1.0, above=0, most=1)
    """Only the likeliest tokens are kept that hold this much probability together; 1: all. Below 1
    it needs top_k, which bounds what is sent."""
    min_p: float = ranged(0.0, least=0, below=1)
    """Only tokens are kept that are at least this times as likely as the likeliest; 0: all. Above 0
    it needs top_k, too."""
    stop: list[str] = field(default_factory=list)
    """Texts that end a completion, beside the end-of-sequence token."""
    max_reasoning_tokens: int | None = ranged(None, least=0)
    """Thinking tokens at which `</think>` is forced, unless the prompt has a budget of its own;
    null: no limit but max_tokens. Forced tokens are masked out of the loss."""
    min_reasoning_tokens: int = ranged(0, least=0)
    """Thinking tokens before which neither `</think>` nor the end of the completion can come."""


@dataclass
class EvaluationConfig:
    """The held-out check."""

    prompts: int = ranged(128, least=0)
    """Held-out prompts of the checks during training, or as many as there are; 0: no such check."""
    final_prompts: int = ranged(256, least=0)
    """Held-out prompts before and after training: more, since these two are compared. As many as
    there are; 0: neither check."""
    samples: int = ranged(4, least=1)
    """Completions per prompt; pass@1 is their mean."""
    temperature: float = ranged(1.0, least=0)
    """As in training, so that pass@1 is the mean accuracy that training optimizes."""


@dataclass
class RolloutConfig:
    """vLLM rollout workers."""

    workers: int = ranged(1, least=1, may_change=True)
    cpus: float = ranged(0.5, least=0, may_change=True)
    """Ray's share for placement; threads are set by `threads`."""
    gpus: float = ranged(0.0, least=0, may_change=True)
    threads: int = ranged(1, least=1, may_change=True)
    """OpenMP threads of each sampler; two hardly help a small policy (docs/performance.md)."""
    dtype: Precision = Precision.auto
    """auto: as for the learner, whose float32 it follows."""
    max_sequences: int | None = ranged(None, least=1, may_change=True)
    """Completions sampled at once by one sampler; null: 128 on CPUs, and on GPUs vLLM's own choice
    for the smallest one (rlsys/config/batch.py): 1024 from 70 GiB on, else 256."""
    kv_cache_gib: float | None = ranged(None, above=0, may_change=True)
    """Key-value cache of one sampler, on each of its GPUs; null: 1 on CPUs, and on GPUs what
    gpu_memory_utilization leaves. A GPU that is shared with the learner needs the number: what is
    free there when the sampler looks says nothing of the first step."""
    gpu_memory_utilization: float = ranged(0.9, above=0, most=1, may_change=True)
    """Share of a GPU that a sampler takes in all, where kv_cache_gib is null."""
    tensor_parallel: int = ranged(1, least=1, may_change=True)
    """GPUs of one sampler."""
    engine_options: dict[str, Any] = field(default_factory=dict)
    """Any other of vLLM's engine arguments, by its name there, such as kv_cache_dtype."""

    @property
    def sequences_at_once(self) -> int:
        """`max_sequences`, or what stands for null on CPUs, and on GPUs that nobody has looked
        at."""
        return self.max_sequences or (256 if self.gpus else 128)


@dataclass
class ReferenceConfig:
    """The frozen initial policy; not started when algorithm.kl.coefficient is 0, unless a loss of a
    plug-in reads reference_logprobs, nor where the learner holds it (learner.lora,
    learner.holds_reference)."""

    workers: int = ranged(1, least=1, may_change=True)
    cpus: float = ranged(0.25, least=0, may_change=True)
    gpus: float = ranged(0.0, least=0)
    threads: int = ranged(1, least=1, may_change=True)
    dtype: Precision = Precision.auto
    """As rollout.dtype."""
    microbatch_tokens: int = ranged(8192, least=1, may_change=True)


@dataclass
class TeacherConfig(ReferenceConfig):
    """A frozen policy that the policy learns from, token by token, on completions of its own."""

    path: str = ""
    """As model.path; with the policy's tokenizer. Empty: no teacher."""
    coefficient: float = ranged(1.0, least=0)
    """Of the teacher's term in each token's advantage: lambda in A - lambda (log pi_rollout -
    log pi_teacher), nats. 0: only a loss of a plug-in reads what the teacher says."""
    rewards: bool = True
    """false: A = 0, so that the teacher alone is learned from; rewards are measured."""


class Offload(Enum):
    """What of the learner lies in the CPU's memory."""

    none = "none"
    optimizer = "optimizer"
    parameters = "parameters"


@dataclass
class LearnerConfig:
    """DeepSpeed ranks."""

    ranks: int = ranged(1, least=1)
    cpus: float = ranged(0.5, least=0, may_change=True)
    gpus: float = ranged(0.0, least=0)
    threads: int = ranged(1, least=1, may_change=True)
    sequence_parallel: int = ranged(1, least=1, may_change=True)
    """Neighbouring ranks that hold one row together, each a slice of its tokens (DeepSpeed Ulysses,
    docs/gpu.md); must divide `ranks`. For answers whose activations no rank has room for."""
    zero_stage: int = ranged(1, least=0, most=3)
    """0 to 3: what ZeRO shards among the ranks."""
    dtype: Precision = Precision.auto
    """Precision of forward and backward; master weights and optimizer are float32. auto: bfloat16
    on GPUs and on CPUs with instructions for it, else float32 (rlsys/config/precision.py)."""
    microbatch_tokens: int = ranged(8192, least=1, may_change=True)
    """Tokens of one forward and backward, in a row without padding; memory grows with it."""
    minibatches: int = ranged(1, least=1)
    """Optimizer updates per step, each on its share of the groups; must divide groups_per_step."""
    logprob_chunk: int = ranged(2048, least=1, may_change=True)
    """Tokens whose [chunk, vocabulary] logits exist at once."""
    gradient_checkpointing: bool = field(default=False, metadata={MAY_CHANGE: True})
    share_prompts: bool = False
    """Lay a group's completions behind one copy of their prompt, and compute equal ones once: less
    work where prompts are as long as completions, and where a policy often says the same."""
    offload: Offload = field(default=Offload.none, metadata={MAY_CHANGE: True})
    """What lies in the CPU's memory instead of the GPU's: none; optimizer: its states and the
    master weights, 12 bytes a parameter; parameters: the weights, too, with zero_stage=3."""
    lora: LoraConfig | None = None
    """An adapter that is trained in the place of the weights (docs/gpu.md); null: all of them are.
    With one the learner is the reference, too."""
    holds_reference: bool = False
    """true: the learner's ranks hold the reference beside the policy, in shards with zero_stage=3,
    in the learner's precision, and no reference worker is started. For a policy of which no GPU
    holds a whole copy."""
    experts: ExpertsConfig = field(default_factory=ExpertsConfig)
    """Their balance, and the replay of their choice, where the policy has experts
    (docs/models.md)."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    deepspeed_options: dict[str, Any] = field(default_factory=dict)
    """Any other section of DeepSpeed's config, by its name there, such as zero_optimization."""


class Transport(Enum):
    """How the bytes of new weights reach the samplers."""

    auto = "auto"
    object_store = "object_store"
    nccl = "nccl"
    cuda_ipc = "cuda_ipc"


class Publish(Enum):
    """Whether the learner's next step waits for its weights to leave."""

    auto = "auto"
    before_step = "before_step"
    beside_step = "beside_step"


class PrefixCache(Enum):
    """What becomes of cached keys and values when the weights change."""

    off = "off"
    by_version = "by_version"
    recompute = "recompute"


@dataclass
class WeightsConfig:
    """How new weights travel from the learner to the rollout workers."""

    transport: Transport = Transport.auto
    """auto: nccl where each learner rank and each sampler has whole GPUs, else object_store; the
    run's start says which (docs/gpu.md). object_store: through Ray's store, one copy per node,
    which the samplers map; works everywhere. nccl: vLLM's broadcast from GPU to GPU, over several
    nodes. cuda_ipc: learner and samplers share one GPU and hand over its memory. The last two have
    not been run on GPUs yet."""
    publish: Publish = field(default=Publish.auto, metadata={MAY_CHANGE: True})
    """Through the object store. beside_step: the learner copies its weights on its device, and they
    leave from there while it does the next step; rank 0 holds them twice. before_step: the next
    step waits until they have left. auto: beside_step where the learner is on GPUs, holds whole
    weights, may go on and has room for them twice, else before_step (docs/gpu.md)."""
    bucket_mib: int = ranged(256, least=1)
    """MiB of weights that are gathered and sent at a time; bounds the extra memory of ZeRO-3."""
    prefix_cache: PrefixCache = PrefixCache.by_version
    """by_version: a prompt's keys and values are shared by requests that began under the same
    version, so a new request never meets old ones; completions in flight keep theirs. recompute:
    completions in flight are computed again under the new weights, too, at the price of their
    prefill. off: nothing is shared, not even among a group's completions."""


@dataclass
class ClusterConfig:
    """The Ray cluster to run on."""

    address: str = ""
    """host:port of a cluster's head, ray://host:port of its client server, `auto` for the one that
    runs on this machine, `local` for a new one. Empty: that of RAY_ADDRESS, else the one that runs
    on this machine, else a new one."""
    num_cpus: int = ranged(0, least=0)
    """CPUs that a cluster started here offers; 0: as many as the machine has."""
    colocate: bool = False
    """true: learner and sampler have one GPU by turns, the whole of it each: the sampler sleeps
    while the learner has it, and the learner's states lie in the CPU's memory meanwhile
    (docs/gpu.md). Synchronous by nature: needs loop.max_staleness=0. false: they compute at the
    same time, on GPUs of their own or on shares that are theirs for the whole run."""
    placement: str = "PACK"
    """Ray placement strategy: PACK, SPREAD, STRICT_PACK or STRICT_SPREAD."""
    queue_s: float = ranged(0.0, least=0)
    """How long to wait for CPUs and GPUs that other jobs hold, or that nodes bring which are yet to
    join; 0: say who holds them, and end."""
    ready_timeout_s: float = ranged(300.0, above=0)
    """Deadline for a fleet member's start, at the beginning and when it replaces a dead one."""
    max_deaths_in_a_row: int = ranged(5, least=1)
    """How often a member may die without finishing a call in between; one more stops the run."""


@dataclass
class RunConfig:
    """All settings of one run."""

    run: RunSection = field(default_factory=RunSection)
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    thinking: ThinkingConfig = field(default_factory=ThinkingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    benchmarks: BenchmarksConfig = field(default_factory=BenchmarksConfig)
    sft: SftConfig = field(default_factory=SftConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    served: ServedConfig = field(default_factory=ServedConfig)
    reward_model: RewardModelConfig = field(default_factory=RewardModelConfig)
    merge: MergeConfig = field(default_factory=MergeConfig)
    algorithm: AlgorithmConfig = field(default_factory=AlgorithmConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    verifiers: VerifiersConfig = field(default_factory=VerifiersConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    weights: WeightsConfig = field(default_factory=WeightsConfig)
    observe: ObserveConfig = field(default_factory=ObserveConfig, metadata={MAY_CHANGE: True})
    cluster: ClusterConfig = field(default_factory=ClusterConfig, metadata={MAY_CHANGE: True})
