"""A training step recorded once and replayed: CUDA graphs.

A CPU issues the few hundred kernels of a step of a small model more slowly than a GPU runs them. A
graph holds all of them, with the addresses of what they read and write, and is issued at once. What
differs from step to step therefore lies in tensors that are filled before each replay.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

_REHEARSALS = 3


def recorded(
    step: Callable[[], None], *, rehearse: Callable[[], None], device: torch.device
) -> Callable[[], None]:
    """Record a step without taking it.

    Parameters
    ----------
    step : callable
        Launches kernels on the device, and neither reads from it nor draws numbers.
    rehearse : callable
        Launches the same kernels and leaves everything as it was. It is called a few times
        before, because what libraries set up in their first calls must not be recorded.
    device : torch.device
        A GPU.

    Returns
    -------
    callable
        Takes the step as often as it is called, always with the same kernels.
    """
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(_REHEARSALS):
            rehearse()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        step()
    return graph.replay
