"""An audit as lines of text. Texts of others stand as Python writes them."""

from collections.abc import Iterator, Sequence

from rlsys.inquiry.audit import Finding

_TEXT = 120
"""Characters of a completion."""


def lines(name: str, found: Sequence[Finding]) -> Iterator[str]:
    """Args:
    name: of the run, for the commands that show its completions.
    """
    for one in found:
        mark = "LOOK" if one.is_suspicious else "ok" if one.of else "-"
        share = f"{one.count:,} of {one.of:,}" if one.of else "none"
        yield f"{mark:<5} {one.check:<14} {share:>16} ({one.measure}): {one.told}"
        for row in one.examples if one.is_suspicious else ():
            yield (
                f"      rlsys trace {name} {row['step']} {row['group_id']} {row['sample_index']}  "
                f"expected {row['expected']!r}: {row['text'][-_TEXT:]!r}"
            )
    suspicious = ", ".join(one.check for one in found if one.is_suspicious)
    yield f"{name}: {f'look at {suspicious}' if suspicious else 'nothing to look at'}"
