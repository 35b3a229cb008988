"""How far each known factor moves along each dimension."""

from __future__ import annotations

from matplotlib.figure import Figure

from fovscope.figures.given import Given
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.style import COLUMN, Drawing
from fovscope.interpret.traversal import movement_matrix
from fovscope.registry import figure


@figure(
    "movement",
    scope="model",
    of="with_factors",
    needs=("moves",),
    section="What each dimension means",
    order=40,
    caption="How far each known factor moves when one dimension is swept from its 5th to its 95th "
    "percentile: 0 stays, 1 is what two random images differ by, more is systematic. Directions "
    "differ by the shorter way around the circle.",
)
def movement(given: Given) -> Drawing:
    """How far each known factor moves along each dimension, as a heat map.

    Parameters
    ----------
    given : Given
        Moves of a traversal, names of the dimensions.
    """
    matrix = movement_matrix(given.moves)

    def draw(canvas: Figure) -> None:
        axes, names = canvas.subplots(), given.dimensions
        draw_heatmap(axes, matrix.to_numpy(), names, list(matrix), signed=False, limit=2)

    return Drawing(COLUMN, 0.2 * len(matrix) + 0.7, draw)
