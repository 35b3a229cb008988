"""Profiles of a target that is a screen: what its columns are called, what is done and asked."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from fovscope.study.section import Section, option


class Profiling(Section):
    """Wells and treatments of a target that is a screen; docs/profiling.md."""

    plate: str = option("Metadata_Plate", "Column of the plate; plates have different names.")
    well: str = option("Metadata_Well", "Column of the well on its plate.")
    batch: str = option("Metadata_Batch", "Column of the batch of plates, such as the week.")
    compound: str = option("Metadata_Compound", "Column of the compound.")
    concentration: str = option(
        "Metadata_Concentration", "Column of its concentration, numbers; it may be absent."
    )
    moa: str = option("Metadata_MOA", "Column of its mechanism of action; it may be absent.")
    control: str = option(
        "Metadata_Control", "Column that says which wells are controls: true or false, 1 or 0."
    )
    normalisations: tuple[Literal["none", "mad", "tvn", "tvn_coral", "harmony"], ...] = option(
        ("none", "mad", "tvn", "tvn_coral"),
        "What is done to wells, by their controls: nothing; robust scores by plate; whitening "
        "(TVN); CORAL by batch after it; or Harmony, which needs no controls but its library.",
        min_length=1,
    )
    regularisation: float = option(
        1.0,
        "λ of TVN, added to the variances of the controls. 1 is published, beside features of a "
        "network; where wells differ by less than 1, it leaves them as they are.",
        gt=0,
    )
    batch_rule: Literal["none", "most", "any"] = option(
        "none",
        "In NSCB, the batch of a treatment of several: none of them, as published; the one with "
        "most of its wells; or all.",
    )
    null_size: int = option(10_000, "Random rankings that mAP is compared with.", ge=100)
    resamples: int = option(2_000, "Bootstrap samples of treatments.", ge=100)

    @field_validator("normalisations")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError(f"lists a value twice: {list(names)}")
        return names
