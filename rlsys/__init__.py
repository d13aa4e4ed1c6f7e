"""Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed."""

__version__ = "0.1.0"
