"""Disentanglement: mean ± SD over models, with floor and ceiling (method, section 7)."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.render import MASKS, STATISTICS, mean_sd, widen

_ROW = ["measured_on", "factors", "tuned_on", "input", "stage"]
_BY_INFORMATION = {
    "mig": "MIG",
    "dci_disentanglement": "DCI D",
    "dci_completeness": "DCI C",
    "dci_informativeness": "DCI I",
    "infom": "InfoM",
    "infoc": "InfoC",
    "infoe": "InfoE",
    "edi_modularity": "EDI M",
    "edi_compactness": "EDI C",
    "edi_explicitness": "EDI E",
}
_BY_INTERVENTION = {
    "omes": "OMES",
    "omes_max": "OMES max",
    "beta_vae": "β-VAE",
    "factor_vae": "FactorVAE",
    "irs": "IRS",
    "sap": "SAP",
    "modularity": "Modularity",
    "explicitness": "Explicitness",
    "dci_es_explicitness": "DCI-ES E",
    "dci_es_size": "DCI-ES S",
    "active_dims": "active dims",
}
_BY_AGREEMENT = {
    "udr_lasso": "UDR Lasso",
    "udr_spearman": "UDR Spearman",
    "informative_dims": "informative dims",
}
_COLUMNS = _BY_INFORMATION | _BY_INTERVENTION | _BY_AGREEMENT
_COUNTS = ("active_dims", "informative_dims")
_CODES = ("perfect", "rotated", "noisy", "duplicated", "merged", "noise")
_STAGES = ("source", "transferred", "finetuned", *(f"code: {code}" for code in _CODES))
_BOUNDS = {"code: noise": "noise_floor", "code: perfect": "perfect_ceiling"}
_MATRICES = ("mi_over_h", "association")
_FACTORS = {"seeds": "none", "stand-in factors": "stand-in"}
"""Which factors a score is about, by its representation; known ones for all others."""


def disentanglement_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of all disentanglement scores.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``disentanglement`` of all models, and those of the reference
        codes, whose stage is ``reference`` and whose representation names the code.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each measured_on × factors (known, stand-in, or none: agreement of seeds)
        × tuned_on × input × stage × score; scores of single factors are among them. Columns:

        * ``mean, sd, n``: over models;
        * ``low, high``: 95 % interval over samples of rows, averaged over models;
        * ``floor``: of the same codes with shuffled rows, averaged over models; for
          reference codes that of the noise code;
        * ``ceiling``: of the perfect code on the same factors (of a copy of the model for UDR);
          counts of dimensions have neither;
        * ``normalised``: the mean on the scale from floor (0) to ceiling (1);
          ``of_ceiling``: the mean over the ceiling;
        * ``n_train, n_test, n_pairs``: rows that the metrics were given;
        * ``active_mask``: the masks of the models' active dimensions, each different one once
          (``"1101, 1111"``: one or more without z2); empty for codes, which use all;
        * ``fovscope``, ``variant``.
    """
    scores = scores.rename(columns={"dataset": "measured_on", "backbone": "input"})
    scores = scores[~scores["score"].str.startswith(_MATRICES)].copy()
    optional = ["low", "high", "floor", "ceiling", "n_train", "n_test", "n_pairs", "active_mask"]
    scores = scores.reindex(columns=[*scores, *(c for c in optional if c not in scores)])
    scores["factors"] = scores["representation"].map(_FACTORS).fillna("known")
    reference = scores["stage"] == "reference"
    scores.loc[reference, "stage"] = "code: " + scores.loc[reference, "representation"]
    long = _aggregate(scores)
    codes = long.set_index(["measured_on", "factors", "score", "stage"])["mean"]
    bounds = codes.loc[:, :, :, [*_BOUNDS]].unstack().reindex(columns=[*_BOUNDS])
    long = long.join(bounds.rename(columns=_BOUNDS), on=["measured_on", "factors", "score"])
    for own, of_code in (("floor", "noise_floor"), ("ceiling", "perfect_ceiling")):
        long[own] = long[own].fillna(long.pop(of_code)).mask(long["score"].isin(_COUNTS))
    long["normalised"] = (long["mean"] - long["floor"]) / (long["ceiling"] - long["floor"])
    long["of_ceiling"] = long["mean"] / long["ceiling"]
    return long.assign(variant=variant)


def disentanglement_view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: a column a score, reference codes below."""
    return _view(long, _COLUMNS)


def disentanglement_blocks(long: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the same view as tables that fit on a page.

    Parameters
    ----------
    long : pandas.DataFrame
        The table of `disentanglement_table`.

    Returns
    -------
    dict of str to pandas.DataFrame
        By what the scores are made from: information on known factors, interventions on
        them and classifiers, agreement of models. What a study lacks is left out.
    """
    known, agreement = long["factors"] != "none", long["factors"] == "none"
    blocks = {
        "By information and trees": _view(long[known], _BY_INFORMATION),
        "By intervention, and others": _view(long[known], _BY_INTERVENTION),
        "Agreement of seeds, without factors": _view(long[agreement], _BY_AGREEMENT),
    }
    return {title: block for title, block in blocks.items() if len(block)}


def _view(long: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    shown = long[long["score"].isin(columns)].copy()
    shown["cell"] = [
        mean_sd(mean, sd, digits=1 if score in _COUNTS else 2)
        for mean, sd, score in zip(shown["mean"], shown["sd"], shown["score"], strict=True)
    ]
    wide = widen(shown, [*_ROW, "n"], "score")
    present = [score for score in columns if score in wide]
    row = [name for name in _ROW if name != "factors" or wide[name].nunique() > 1]
    return (
        wide[[*row, *present, "n"]]
        .astype(object)
        .fillna("–")
        .rename(columns=columns)
        .rename(columns=lambda c: c.replace("_", " "))
    )


def _aggregate(scores: pd.DataFrame) -> pd.DataFrame:
    averaged = {name: (name, "mean") for name in ("low", "high", "floor", "ceiling")}
    rows = {name: (name, "first") for name in ("n_train", "n_test", "n_pairs")}
    groups = scores.groupby([*_ROW, "score"], sort=False, dropna=False, as_index=False)
    long = groups.agg(**STATISTICS, **MASKS, **averaged, **rows)
    ranks = {stage: rank for rank, stage in enumerate(_STAGES)}
    return long.sort_values(
        ["measured_on", "factors", "stage", "tuned_on", "input"],
        key=lambda column: column.map(ranks) if column.name == "stage" else column,
        kind="stable",
        ignore_index=True,
    )


CAPTION = (
    "Disentanglement, mean ± SD over n models (all β and seeds). Codes of known quality give floor "
    "(noise) and ceiling (perfect) on the same rows; the Parquet table has each score's own floor "
    "and interval. Variant: {variant}."
)
