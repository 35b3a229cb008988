"""Disentanglement against measured properties of the objects, where no factor is known."""

from __future__ import annotations

import logging

import pandas as pd

from fovscope.evaluation.base import Given
from fovscope.evaluation.disentanglement import arrange, measured_factors, score_codes
from fovscope.interpret.features import STAND_INS
from fovscope.records import score_table
from fovscope.registry import evaluation

STAND_IN = "stand-in"
"""In the column `factors` of the score rows: what stands for factors that are not known."""

FEWEST = 200
"""Objects below which binned features say nothing about codes."""


@evaluation("stand_ins")
def stand_ins(given: Given) -> dict[str, pd.DataFrame]:
    """Score representations by MIG and DCI against measured size, shape, colour and texture."""
    objects = given.inputs["objects"]
    sound = objects[objects["flag"] == ""]
    if len(sound) < FEWEST:
        logging.warning("%d sound objects are too few to stand in for factors", len(sound))
        return {"scores": pd.DataFrame()}
    panel, tables = given.options["stand_ins"], []
    for view in given.views():
        factors, known = measured_factors(view.images, sound, STAND_INS, panel["factor_levels"])
        codes = arrange(view.images[known], view.values[known])
        table = score_codes(
            codes, factors, panel=panel, catalogue=given.catalogue, threads=given.threads
        )
        identity = view.identity.replace(kind="disentanglement")
        tables.append(score_table(table.assign(factors=STAND_IN), identity, **given.provenance))
    return {"scores": pd.concat(tables, ignore_index=True)}
