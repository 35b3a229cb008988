"""The report's first sentences say what constructed numbers are, and nothing that they are not."""

import logging

import pandas as pd
import pytest

from fovscope.datasets.remarks import noted_warnings
from fovscope.figures.findings import FEW, Known, findings
from fovscope.figures.glossary import GLOSSARY, Term, linked

KINDS = {"latents": "latents", "Φ": "full", "PCA-3": "pca", "measured": "handcrafted"}
KINDS |= {"majority": "constant"}
PROBES = {"gbt": "GBT", "mlp": "MLP"}


def name(factor, verdict, own=0.9, other=0.2, short_of="", **more):
    line = {"target": "cells", "input": "vit", "recipe": "named", "stage": "transferred"}
    line |= {"factor": factor, "verdict": verdict, "own_feature": "area", "own_mean": own}
    return line | {"other_feature": "hue", "other_mean": other, "short_of": short_of, "n": 3} | more


def accuracy(representation, mean, sd=float("nan"), n=1, **more):
    stage = "transferred" if representation == "latents" else "baseline"
    line = {"target": "cells", "input": "vit", "recipe": "named" if n > 1 else "", "stage": stage}
    line |= {"representation": representation, "probe": "gbt", "score": "balanced_accuracy"}
    line |= {"mean": mean, "sd": sd, "n": n, "active_mask": "1111, 1101" if n > 1 else ""}
    return line | more


def confusion(shares, **more):
    line = {"target": "cells", "input": "vit", "recipe": "named", "stage": "transferred"}
    line |= {"representation": "latents", "probe": "gbt"} | more
    return [line | {"class": a, "predicted": b, "mean": share} for (a, b), share in shares.items()]


def images(classes=(("a", 50), ("b", 60)), test=True):
    labels = [label for label, count in classes for _ in range(count)]
    table = pd.DataFrame({"split": ["test" if test else "train"] * len(labels), "label": labels})
    return table if classes[0][0] else table.drop(columns="label")


def said(tables=None, *, target="cells", about=None, **known):
    tables = {name: pd.DataFrame(rows) for name, rows in (tables or {}).items()}
    known = {"images": images(), "kinds": KINDS, "probes": PROBES} | known
    found = findings(target, Known(tables, **known))
    return [one.text for one in found if one.about == about] if about else found


def test_names_are_told_by_verdict_with_what_they_lack():
    lines = [
        name("Size", "holds"),
        name("Hue", "holds"),
        name("Intensity", "partly", 0.78, 0.67, "gap 0.3"),
        name("Shape", "does not hold", 0.2, 0.5, "own |r| 0.7, gap 0.3"),
        name("Nucleus", "not measurable here", None, None, "no measured feature"),
    ]
    (text,) = said({"names": lines}, about="Names")
    assert text == (
        "2 of 5 names hold: Size and Hue. Intensity holds partly: it goes with area (|r| 0.78), "
        "also with hue (0.67); it falls short of: gap 0.3. Shape does not hold: it goes with area "
        "(|r| 0.20), also with hue (0.50); it falls short of: own |r| 0.7, gap 0.3. Nucleus cannot "
        "be judged here: no measured feature."
    )
    assert said({"names": lines[:2]}, about="Names") == ["All 2 names hold: Size and Hue."]


def test_where_nothing_holds_a_reader_is_told_to_read_no_name():
    (text,) = said({"names": [name("Shape", "does not hold", 0.2, 0.5, "gap 0.3")]}, about="Names")
    assert text.startswith("The one name does not hold: read no dimension by its name. Shape")
    assert said(about="Names") == ["No dimension bears a name: no model was bound to a factor."]


def test_of_what_a_study_does_not_ask_for_nothing_is_told():
    assert said(about="Accuracy")
    assert said(about="Names")
    assert said(left_out=["names", "accuracy"], about="Names") == []
    assert said(left_out=["names", "accuracy"], about="Accuracy") == []


def test_of_stages_the_last_is_told_and_of_kinds_each_but_not_too_many():
    before, after = name("Size", "holds"), name("Size", "partly", short_of="x", stage="finetuned")
    (text,) = said({"names": [before, after]}, about="Names")
    assert "Size holds partly" in text
    kinds = [name("Size", "holds", recipe=f"r{k}") for k in range(5)]
    texts = said({"names": kinds}, about="Names")
    assert texts[:3] == [f"r{k} on vit: The one name holds: Size." for k in range(3)]
    assert texts[3:] == ["The table tells of 2 more kinds of models."]


def test_what_ten_numbers_cost_is_the_difference_to_each_baseline():
    lines = [
        *(accuracy("majority", 50), accuracy("measured", 72.5, input="images")),
        *(accuracy("PCA-3", 70), accuracy("Φ", 80), accuracy("Φ", 99, input="other")),
        *(accuracy("latents", 72, 4, 2), accuracy("latents", 1, 4, 2, probe="mlp")),
        accuracy("latents", 2, 4, 2, score="accuracy"),
    ]
    (text,) = said({"accuracy": lines}, about="Accuracy")
    assert text == (
        "From 3 to 4 numbers per image, GBT tells the 2 classes apart with a balanced accuracy of "
        "72.0 ± 4.0 % (mean ± SD over 2 models; chance 50.0 %). That is 8.0 points less than Φ "
        "(80.0 %), 2.0 points more than PCA-3 (70.0 %, within the spread of models) and 0.5 points "
        "less than measured (72.5 %, within the spread of models)."
    )
    lines = [accuracy("PCA-3", 72.04), accuracy("latents", 72, 4, 2)]
    (text,) = said({"accuracy": lines}, about="Accuracy")
    assert text.endswith("That is as much as PCA-3 (72.0 %, within the spread of models).")


def test_the_worst_confusions_are_named_the_worst_first():
    shares = {("a", "a"): 55, ("a", "b"): 5, ("a", "c"): 40, ("b", "a"): 10, ("c", "a"): 0}
    (text,) = said({"confusion": confusion(shares)}, about="Confused")
    assert text == (
        "Taken for one another most often: a for c (40 %), b for a (10 %) and a for b (5 %) of the "
        "test images."
    )
    (text,) = said({"confusion": confusion({("a", "a"): 100, ("a", "b"): 0})}, about="Confused")
    assert text == "No class is taken for another in the test images."


def profile(representation, mean, how="tvn", recipe="", backbone="images", **more):
    stage = "scratch" if recipe else "baseline"
    line = {"target": "cells", "input": backbone, "recipe": recipe, "stage": stage, "score": "nsc"}
    line |= {"representation": representation, "normalisation": how, "mean": mean, "asked": 16}
    return line | {"chance": 2 / 14, "n": 1} | more


def test_profiles_are_told_with_chance_and_how_their_normalisation_was_chosen():
    lines = [
        profile("latents", 0.5, recipe="vae", backbone="crops"),
        profile("latents", 0.25, "none", recipe="vae", backbone="crops"),
        profile("measured", 0.6875),
        profile("Φ", 0.125, "none", backbone="vit"),
        profile("best of all (Somebody 2013)", 0.97, "", stage="published"),
        profile("measured", 1.0, score="nscb"),
    ]
    (text,) = said({"profiles": lines}, about="Profiles")
    assert text == (
        "Of 16 treatments the nearest of another compound has their mechanism of action for 69 % "
        "by measured (tvn), 50 % by latents of vae (tvn) and 12 % by Φ of vit; chance is 14 %. Of "
        "each representation the best normalisation is told, chosen on these treatments: others "
        "may find less."
    )
    unasked = [profile("latents", float("nan"), recipe="vae")]
    assert said({"profiles": unasked}, about="Profiles") == []


def test_reconstructions_are_told_by_likeness_and_sharpness():
    lines = [
        {"target": "cells", "input": "crops", "recipe": recipe, "stage": "scratch"}
        | {"score": score, "mean": mean, "n": 1}
        for recipe, means in (("vae", (0.4, 0.1)), ("vae_plus", (0.55, 0.42)))
        for score, mean in zip(("ssim", "sharpness"), means, strict=True)
    ]
    assert said({"reconstruction": lines}, about="Reconstruction") == [
        "Test images are drawn by vae with SSIM 0.40 and sharpness 0.10 and vae_plus with SSIM "
        "0.55 and sharpness 0.42 (of the images themselves: 1 and 1)."
    ]


def test_a_target_without_classes_has_no_accuracy_and_no_confusion():
    bare = images(((None, 30),))
    found = said({"names": [name("Size", "holds")]}, images=bare)
    assert [one.about for one in found] == ["Images", "Names", "Accuracy"]
    assert found[0].text == "30 images without classes: 30 to test with."
    assert "no classes" in found[2].text


def test_each_of_two_targets_is_told_its_own_numbers():
    tables = {
        "names": [name("Size", "holds"), name("Hue", "holds", target="algae")],
        "accuracy": [accuracy("latents", 72, 4, 2), accuracy("latents", 33, 1, 2, target="algae")],
    }
    for target, factor, share in (("cells", "Size", "72.0"), ("algae", "Hue", "33.0")):
        assert said(tables, target=target, about="Names") == [f"The one name holds: {factor}."]
        assert share in said(tables, target=target, about="Accuracy")[0]


def test_one_seed_is_warned_of_and_several_are_not():
    def warned(n):
        texts = said({"names": [name("Size", "holds", n=n)]}, about="Take care")
        return any("one seed" in text for text in texts)

    assert warned(1)
    assert not warned(2)
    screen = {"profiles": [profile("latents", 0.5, recipe="vae")]}
    assert "one seed" in said(screen, about="Take care")[0]
    one = accuracy("latents", 72, 4, 2) | {"n": 1, "sd": float("nan")}
    (text,) = said({"accuracy": [one]}, about="Accuracy")
    assert "72.0 % (one model; chance" in text


def test_classes_with_few_test_images_are_warned_of():
    few = said(images=images((("a", 25), ("b", 60))), about="Take care")
    # 1.96·√(.5·.5/25) = .196
    assert few == [
        "The smallest class, a, has 25 test images: its share of right answers is known to ± 20 "
        "points at best (95 %, at one half)."
    ]
    assert said(images=images((("a", FEW),)), about="Take care") == []
    assert said(images=images((("a", 5),), test=False), about="Take care") == []


def test_what_was_noticed_in_the_images_is_warned_of_with_an_example():
    remarks = ["two splits share images (2); group them:\n  x ~ y\n  u ~ v", "grey is dark"]
    found = [one for one in said(remarks=remarks) if one.about == "Take care"]
    assert [one.text for one in found] == [
        "Two splits share images (2); group them: x ~ y …",
        "Grey is dark.",
    ]
    assert {one.evidence for one in found} == {"remarks-cells"}


def test_doubtful_and_automatic_outlines_are_told():
    objects = pd.DataFrame({"segmentation": ["given"] * 4, "flag": ["", "", "", ""]})
    assert said(objects=objects, about="Odd images") == [
        "None: the outlines of all 4 objects are beyond doubt."
    ]
    assert said(objects=objects, about="Take care") == []
    objects = pd.DataFrame(
        {"segmentation": ["automatic"] * 3, "flag": ["", "too small, fragmented", "too small"]}
    )
    (text,) = said(objects=objects, about="Odd images")
    assert "2 of 3 objects have a doubtful outline (too small: 2 and fragmented: 1)" in text
    assert said(objects=objects, about="Take care")[0].startswith("3 objects were outlined autom")


def test_a_class_kept_from_models_is_told_by_its_mistake_and_its_best_detector():
    place = {"target": "cells", "input": "vit", "recipe": "named", "stage": "finetuned"}
    place |= {"representation": "latents", "held_out": "ash"}
    rows = [
        {"score": "share", "probe": "gbt", "mistaken_for": "a", "mean": 0.7},
        {"score": "share", "probe": "gbt", "mistaken_for": "b", "mean": 0.3},
        {"score": "share", "probe": "mlp", "mistaken_for": "b", "mean": 1.0},
        {"score": "auroc", "detector": "knn", "mean": 0.91},
        {"score": "auroc", "detector": "mahalanobis", "mean": 0.6},
    ]
    (text,) = said({"open_set": [place | row for row in rows]}, about="Odd images")
    assert text == (
        "Kept from the models, ash is mostly taken for a (70 %); knn, the best of 2 detectors, "
        "finds it odd with an AUROC of 0.91."
    )


@pytest.mark.parametrize(("low", "told"), [(0.8, True), (0.45, False)])
def test_a_trace_of_editing_is_warned_of_where_it_is_beyond_chance(low, told):
    row = {"target": "cells", "input": "vit", "score": "trace", "value": 0.9, "low": low}
    texts = said({"interventions": [row]}, about="Take care")
    assert any("AUROC 0.90 on vit" in text for text in texts) == told


def test_a_word_is_linked_once_to_its_explanation_and_text_stays_text():
    terms = [Term("gap", "Air.", ("gaps",)), Term("|r|", "Strength.")]
    assert linked("gaps & a <gap>: |r| of gapless", terms) == (
        '<a class="word" href="#word-gap">gaps</a> &amp; a &lt;gap&gt;: '
        '<a class="word" href="#word-r">|r|</a> of gapless'
    )


def test_all_words_are_explained_in_places_of_their_own():
    assert len({term.anchor for term in GLOSSARY}) == len(GLOSSARY)
    forms = [form for term in GLOSSARY for form in (term.word, *term.also)]
    assert len(set(forms)) == len(forms)


def test_warnings_are_noted_and_printed_or_not(caplog):
    logger = logging.getLogger("fovscope.datasets")
    for printed in (True, False):
        with noted_warnings(printed=printed) as noted:
            logger.warning("dark %s", "images")
            logger.info("all is well")
        logger.warning("too late")
        assert [record.getMessage() for record in noted] == ["dark images"]
    assert caplog.messages.count("dark images") == 1
