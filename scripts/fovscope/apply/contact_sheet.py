"""The contact sheet of new images: one HTML file that opens from disk, oddest images first."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import pandas as pd
from jinja2 import Environment
from numpy.typing import NDArray
from PIL import Image

from fovscope.apply.population import Population
from fovscope.images.channels import rgb_view
from fovscope.images.read import FolderImages

SHOWN = 500
"""Most images on a sheet; the table has all of them."""

_TAIL = 2.5
"""A percentile below this, or above 100 less this, is marked."""


def contact_sheet(
    table: pd.DataFrame,
    images: FolderImages,
    population: Population,
    *,
    title: str,
    model: str,
    verdicts: str,
) -> str:
    """Return the sheet as HTML.

    Parameters
    ----------
    table : DataFrame
        What `Population.describe` returned of the images, in their order.
    images : FolderImages
        Thumbnails.
    population : Population
        What they were compared with.
    title, model : str
        Name of the images, and of the model.
    verdicts : str
        Which names of dimensions hold, in a line; empty where training named none.
    """
    order = table["outlier_score"].to_numpy().argsort(kind="stable")[::-1][:SHOWN]
    return (
        Environment(autoescape=True)
        .from_string(_SHEET)
        .render(
            title=title,
            model=model,
            verdicts=verdicts,
            count=len(table),
            training=len(population.codes),
            tail=_TAIL,
            centre="the nearest class" if population.probe else "the centre of the training images",
            cards=[
                _card(table.iloc[row], rgb_view(images[row]), population.dimensions)
                for row in order
            ],
        )
    )


def _card(row: pd.Series, pixels: NDArray, dimensions: Sequence[str]) -> dict[str, object]:
    places = [float(row[f"{name} percentile"]) for name in dimensions]
    return {
        "image": row["image"],
        "thumbnail": _data_uri(pixels),
        "predicted": row.get("predicted"),
        "confidence": f"{100 * row.get('confidence', 0):.0f}",
        "outlier": f"{row['outlier_percentile']:.1f}",
        "outlier_score": f"{row['outlier_score']:.2f}",
        "odd": row["outlier_percentile"] > 100 - _TAIL,
        "places": [
            {"name": name, "value": place, "odd": not _TAIL <= place <= 100 - _TAIL}
            for name, place in zip(dimensions, places, strict=True)
        ],
    }


def _data_uri(pixels: NDArray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


_SHEET = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
  body { font: 13px/1.35 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
  h1 { font-size: 1.3rem; margin: 0; }
  p { max-width: 48rem; margin: .4rem 0; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); gap: 10px;
         margin-top: 1rem; }
  article { border: 1px solid #ccc; border-radius: 4px; padding: 8px; display: grid;
            grid-template-columns: 112px 1fr; gap: 3px 10px; break-inside: avoid; }
  article.odd { border: 2px solid #b34700; padding: 7px; }
  img { width: 112px; height: 112px; display: block; }
  h2 { font-size: .8rem; font-weight: normal; color: #555; margin: 0; grid-column: 1 / 3;
       overflow-wrap: anywhere; }
  dl { margin: 0; }
  dt { font-weight: 600; overflow-wrap: anywhere; }
  dd { margin: 0 0 .3rem; color: #555; }
  .odd > dl dd.outlier { color: #b34700; font-weight: 600; }
  table { border-spacing: 0; font-size: 11px; grid-column: 1 / 3; width: 100%; }
  td { padding: 0; }
  td:first-child { width: 7rem; line-height: 1.1; padding-right: .3rem; }
  td:last-child { width: 2rem; text-align: right; font-variant-numeric: tabular-nums; }
  .track { position: relative; height: 5px; background: #e4e4e4; border-radius: 3px; }
  .track::after { content: ""; position: absolute; left: 50%; top: -1px; bottom: -1px;
                  border-left: 1px solid #aaa; }
  .track i { position: absolute; z-index: 1; top: -2px; width: 9px; height: 9px; margin-left: -4px;
             border-radius: 50%; background: #0072b2; }
  tr.odd .track i { background: #b34700; border-radius: 0; }
  tr.odd td { color: #b34700; }
  @media print { body { margin: 0; } * { print-color-adjust: exact; } }
</style>
<h1>{{ title }}</h1>
<p>{{ count }} images, encoded by <b>{{ model }}</b> and compared with its {{ training }} training
images.
{% if cards|length < count %}The {{ cards|length }} oddest are shown; the table has all.{% endif %}
</p>
{% if verdicts %}<p>Names of dimensions on the training images: {{ verdicts }}.</p>{% endif %}
<p>Oddest first, by the Mahalanobis distance to {{ centre }}. Numbers and dots are
percentiles: the share of the training images that lie below; 50 is typical. Brown squares lie
among the outer {{ tail }} % on either side of a dimension, a brown frame among the {{ tail }} %
that lie farthest from it.</p>
<main>
{% for card in cards %}
<article{% if card.odd %} class="odd"{% endif %}>
  <h2>{{ card.image }}</h2>
  <img src="{{ card.thumbnail }}" alt="{{ card.image }}">
  <dl>
    {% if card.predicted is not none %}
    <dt>{{ card.predicted }}</dt><dd>{{ card.confidence }} % sure</dd>
    {% endif %}
    <dt>outlier</dt>
    <dd class="outlier">percentile {{ card.outlier }}<br>score {{ card.outlier_score }}</dd>
  </dl>
  <table>
  {% for place in card.places %}
    <tr{% if place.odd %} class="odd"{% endif %}><td>{{ place.name }}</td>
    <td><div class="track"><i style="left: {{ place.value|round(1) }}%"></i></div></td>
    <td>{{ place.value|round|int }}</td></tr>
  {% endfor %}
  </table>
</article>
{% endfor %}
</main>
</html>
"""
