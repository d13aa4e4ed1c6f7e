"""A completion's trace as lines of text: what became of it, then a line a token.

Texts of a policy, a verifier or a data file stand as Python writes them: they may hold anything,
also what a terminal obeys.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from rlsys.inquiry.token_trace import Part, TokenFate, Trace
from rlsys.learning.join import HELD_OUT
from rlsys.observe.columns import figure
from rlsys.schema import Clip

_NOT_RECORDED = "not recorded: the run's version kept no ratios, clips and microbatches"
_HEADINGS = "    #  version  logprob    ratio  clip        advantage  token"


def lines(trace: Trace, texts: Mapping[int, str]) -> Iterator[str]:
    """Args:
    texts: of token ids; one without is shown by its id.
    """
    row = trace.row
    yield f"{'prompt':<10} {row['prompt_id']} of source {row['source']!r}"
    if trace.admitted is not None:
        yield f"{'admitted':<10} group {row['group_id']}, before step {trace.admitted} was done"
    yield f"{'sampled':<10} {_sampled(trace)}"
    yield from _verdict(trace)
    yield f"{'advantage':<10} {_advantage(trace)}"
    if row["reference_logprob"] is not None:
        yield (
            f"{'reference':<10} logprob {row['reference_logprob']:.3f}, so the sampler was "
            f"{row['kl']:+.3f} nats away, summed over the tokens"
        )
    yield f"{'trained':<10} {_trained(trace)}"
    yield ""
    yield _HEADINGS
    for number, token in enumerate(trace.tokens):
        yield _token(number, token, texts)


def _sampled(trace: Trace) -> str:
    row, spans = trace.row, list(trace.spans())
    told = (
        f"{len(trace.tokens)} tokens by {row['worker']}, {row['sampled_s']:.2f} s after admission"
    )
    told += f", ended by {row['finish_reason']}"
    if len(spans) == 1:
        return f"{told}; all by policy version {spans[0][2]}"
    parts = (f"{first} to {last} by version {version}" for first, last, version in spans)
    return f"{told}; tokens {', '.join(parts)}"


def _verdict(trace: Trace) -> Iterator[str]:
    row = trace.row
    if row["status"] is None:
        yield f"{'graded':<10} by nobody"
        return
    reward = "no reward" if row["reward"] is None else f"reward {row['reward']:.4g}"
    reason = f": {row['reason']!r}" if row["reason"] else ""
    level = row.get("level")
    ran = (
        "isolation not recorded"
        if level is None
        else f"isolated by {level}"
        if level
        else "no program ran"
    )
    yield f"{'graded':<10} {row['status']}, {reward}, {ran}{reason}"
    for part in trace.parts:
        yield f"{'':<10} {_part(part)}"


def _part(part: Part) -> str:
    weight = "" if part.weight is None else f", weight {part.weight:g}"
    by = f" by verifier {part.verifier}{weight}" if part.verifier else ""
    return f"{part.name} {part.value:.4g}{by}"


def _advantage(trace: Trace) -> str:
    row = trace.row
    rewards = ", ".join("none" if one is None else f"{one:.3g}" for one in trace.rewards)
    group = f"its group's rewards: {rewards}"
    if row["advantage"] is not None:
        return f"{row['advantage']:+.4f}; {group}"
    own = [token.advantage for token in trace.tokens if token.advantage is not None]
    if own:
        return f"by token, {min(own):+.4f} to {max(own):+.4f}; {group}"
    return f"none; {group}"


def _trained(trace: Trace) -> str:
    row = trace.row
    if row["dropped"]:
        return f"not: its group was dropped before step {row['step']}, {row['dropped']!r}"
    if row["split"] == HELD_OUT:
        return f"not: held-out check of step {row['step']}"
    told = f"in step {row['step']}, which made version {row['step']}"
    if not trace.is_recorded:
        return f"{told}; {_NOT_RECORDED}"
    ratios = [token.log_ratio for token in trace.tokens if token.log_ratio is not None]
    if row["minibatch"] is None or not ratios:
        return f"{told}, but without this completion: it is masked out of the loss"
    least, most = math.exp(min(ratios)), math.exp(max(ratios))
    clips = Counter(token.clip.name for token in trace.tokens if token.clip)
    acted = ", ".join(f"{count} {name}" for name, count in sorted(clips.items())) or "none"
    return (
        f"{told}: minibatch {row['minibatch']}, learner-{row['rank']}, microbatch "
        f"{row['microbatch']}; ratio {least:.4f} to {most:.4f}; clipped: {acted}"
    )


def _token(number: int, token: TokenFate, texts: Mapping[int, str]) -> str:
    ratio = "-" if token.log_ratio is None else f"{math.exp(token.log_ratio):.4f}"
    clip = "forced" if token.forced else _clip(token.clip)
    advantage = "-" if token.advantage is None else f"{token.advantage:+.4f}"
    text = repr(texts[token.id]) if token.id in texts else f"id {token.id}"
    return (
        f"{number:>5}  {token.version:>7}  {figure(token.logprob):>7}  {ratio:>7}  {clip:<10}  "
        f"{advantage:>9}  {text}"
    )


def _clip(clip: Clip | None) -> str:
    if clip is None:
        return "-"
    return clip.name if clip else ""
