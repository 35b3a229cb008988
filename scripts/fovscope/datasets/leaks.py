"""What tells classes apart without a look at the object: size, format, padding, date, colour.

Where a class is recognised by how its images were taken or saved, a network may learn that instead
(a *shortcut*: Geirhos et al. 2020, "Shortcut learning in deep neural networks"). It can also be
rightly so: crops of larger cells are larger. Both deserve a word.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

_SURE = 0.9
"""Share of a class that is recognised, and of what is taken for it that is."""

_FOLDS = 5
_LEAST = 4
"""Images; of fewer, anything tells two classes apart by chance."""

_LEAVES_PER_CLASS = 4


def giveaways(features: dict[str, pd.DataFrame], labels: pd.Series) -> Iterator[str]:
    """Return which classes something beside the image tells, with the share that it does.

    A small decision tree on what is known of a file predicts the class of images that it was not
    fitted on (cross-validation). A class counts where nine of ten of its images are recognised and
    nine of ten that are taken for it belong to it.

    Parameters
    ----------
    features : dict of str to DataFrame
        By what they are called, numbers of each image.
    labels : Series of str
        Their classes; those of fewer than four images are left out.
    """
    counts = labels.value_counts()
    enough = labels.isin(counts.index[counts >= _LEAST]).to_numpy()
    labels = labels[enough].to_numpy()
    classes = np.unique(labels)
    if len(classes) < 2:
        return
    # Here, because scikit-learn takes a second or two to import and generated images do without.
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES_PER_CLASS * len(classes), random_state=0)
    smallest = int(counts[counts >= _LEAST].min())
    folds = StratifiedKFold(min(_FOLDS, smallest), shuffle=True, random_state=0)
    for name, values in features.items():
        known = values[enough].to_numpy(float)
        if (known == known[:1]).all():
            continue
        guessed = cross_val_predict(tree, known, labels, cv=folds)
        told = {}
        for label in classes:
            is_class, is_guess = labels == label, guessed == label
            recall = (is_class & is_guess).sum() / is_class.sum()
            if recall >= _SURE and (is_class & is_guess).sum() >= _SURE * is_guess.sum():
                told[label] = recall
        if told:
            listed = ", ".join(f"{label} ({recall:.0%})" for label, recall in told.items())
            yield f"{name}: {listed}"
