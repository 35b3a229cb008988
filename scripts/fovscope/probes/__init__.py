"""Simple classifiers on frozen representations, their scores and baselines.

A probe is a function of codes and class numbers that the decorator `fovscope.registry.probe`
declares with the ``title`` that it has in tables::

    @probe("nearest", title="k-NN")
    def nearest(codes, classes, seed, threads, *, neighbours: int = 5): ...

It returns a fitted classifier, with `predict` and `predict_proba` on class numbers. Names are
imported from their files: a job then depends on the probes that it uses, and on no other.
"""
