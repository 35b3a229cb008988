"""Named dimensions say what they were told, on the scale of the settings."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from fovscope.factors import Factor, bind
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.gaussian import Posterior
from fovscope.objectives.anchored import Anchored, anchor_loss, disagreement
from fovscope.objectives.supervision import labels
from fovscope.study.models import Finetuning, Model, SourceTraining
from fovscope.training.anchors import changed_dimensions, make_anchors
from fovscope.training.finetune import finetune
from fovscope.training.pairs import Replay
from fovscope.training.source import train_source

CPU = torch.device("cpu")
SIZE = Factor(name="Size", limits=(10.0, 100.0), log=True)
ANGLE = Factor(name="Angle", limits=(0.0, 180.0), period=180.0)
KIND = Factor(name="Kind", values=3, nominal=True)
BOUND = bind((SIZE, ANGLE, KIND), angles=True)


# Settings as anchors ---------------------------------------------------------------------


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "factor_Size": 10 ** rng.uniform(1, 2, n),
            "factor_Angle": rng.uniform(0, 180, n),
            "factor_Kind": rng.integers(3, size=n),
        }
    )


def test_a_direction_gets_two_dimensions_where_it_is_told_as_an_angle():
    assert [one.dimensions for one in BOUND] == [(0,), (1, 2), (3,)]
    assert [one.dimensions for one in bind((SIZE, ANGLE), angles=False)] == [(0,), (1,)]


def test_anchors_are_standardised_logarithms_and_turns():
    images = table()
    anchors = make_anchors(images, BOUND)
    expected = np.log(images["factor_Size"])
    np.testing.assert_allclose(
        anchors[:, 0], (expected - expected.mean()) / expected.std(ddof=0), atol=1e-5
    )
    # A turn stays a turn: distances between anchors are those on the circle, but for one scale.
    angle = 2 * np.pi * images["factor_Angle"].to_numpy() / 180
    chord = np.abs(np.exp(1j * angle[:, None]) - np.exp(1j * angle))
    pair = anchors[:, 1] + 1j * anchors[:, 2]
    scale = np.abs(pair[:, None] - pair)[chord > 0.1] / chord[chord > 0.1]
    assert np.ptp(scale) < 1e-5
    assert anchors[:, 1:3].var(axis=0).mean() == pytest.approx(1, abs=1e-5)


def test_names_without_an_order_and_what_cannot_be_seen_have_no_anchor():
    images = table().assign(hidden="")
    images.loc[::2, "hidden"] = "Angle,Other"
    anchors = make_anchors(images, BOUND)
    assert np.isnan(anchors[:, 3]).all()
    assert np.isnan(anchors[::2, 1:3]).all()
    assert np.isfinite(anchors[1::2, :3]).all()
    assert np.isfinite(anchors[:, 0]).all()


def test_sources_that_share_a_factor_share_its_scale():
    one, other = table(seed=1)[["factor_Size"]], table(seed=2)
    anchors = make_anchors(pd.concat([one, other], ignore_index=True), BOUND)
    assert np.isnan(anchors[: len(one), 1:]).all()
    sizes = np.concatenate([one["factor_Size"], other["factor_Size"]])
    slope, _ = np.polyfit(np.log(sizes), anchors[:, 0], 1)
    residual = anchors[:, 0] - np.polyval(
        np.polyfit(np.log(sizes), anchors[:, 0], 1), np.log(sizes)
    )
    assert slope > 0
    assert np.abs(residual).max() < 1e-5


def test_what_changed_is_said_of_each_dimension():
    changed = np.array([[True, False, False], [False, True, True]])
    assert changed_dimensions(changed, BOUND).tolist() == [
        [True, False, False, False],
        [False, True, True, True],
    ]


# Terms -----------------------------------------------------------------------------------


def test_the_anchor_loss_counts_known_settings_alone():
    mean = torch.tensor([[1.0, 2.0, 9.0], [3.0, 4.0, 9.0]])
    anchors = torch.tensor([[0.0, torch.nan], [1.0, 4.5]])
    assert anchor_loss(mean, anchors) == pytest.approx((1 + 4 + 0.25) / 2)
    assert anchor_loss(mean, torch.empty(2, 0)) == 0


def test_unknown_settings_have_no_gradient():
    mean = torch.zeros(2, 3, requires_grad=True)
    anchor_loss(mean, torch.tensor([[1.0, torch.nan], [torch.nan, 1.0]])).backward()
    assert (mean.grad != 0).tolist() == [[True, False, False], [False, True, False]]


def test_members_disagree_by_the_kl_of_shared_dimensions():
    """KL(N(0, 1) ‖ N(2, 1)) = 2 in either direction."""
    mean = torch.tensor([[[0.0, 0.0, 0.0]], [[2.0, 2.0, 2.0]]])
    posterior = Posterior(mean, torch.zeros_like(mean))
    changed = torch.tensor([[True, False]])
    assert disagreement(posterior, changed) == pytest.approx(4)
    assert disagreement(posterior, torch.tensor([[True, True]])) == pytest.approx(2)


# Training --------------------------------------------------------------------------------

OPTIONS = SourceTraining(steps=400, batch_pairs=32, learning_rate=3e-3, warmup_steps=50)
MODEL = Model(latent_dim=5, width=24, likelihood_units="scaled", likelihood_sd=1.0)


def made_pairs(n=400, seed=0):
    """Return features (2, n, D) of size and angle, curved and mixed, with settings and changes."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(size=(n, 2))
    changed = np.eye(2, dtype=bool)[rng.integers(2, size=n)]
    second = np.where(changed, rng.uniform(size=(n, 2)), first)
    places = np.stack([first, second])
    size, angle = places[..., 0], 2 * np.pi * places[..., 1]
    causes = np.stack([size, size**2, np.cos(angle), np.sin(angle), size * np.cos(angle)], -1)
    mixing = np.random.default_rng(9).normal(size=(5, 12))
    features = (causes @ mixing + 0.05 * rng.normal(size=(2, n, 12))).astype(np.float32)
    images = pd.DataFrame(
        {"factor_Size": 10 ** (1 + size.ravel()), "factor_Angle": 180 * places[..., 1].ravel()}
    )
    return features, images, changed


@pytest.fixture(scope="module")
def trained():
    features, images, changed = made_pairs()
    bound = bind((SIZE, ANGLE), angles=True)
    anchors = make_anchors(images, bound)
    return train_source(
        *(features[0], features[1], changed_dimensions(changed, bound)),
        make_model=partial(FeatureVAE.fitted, facts={}, options=MODEL.model_dump(), seed=0),
        options=OPTIONS,
        objective=Anchored(),
        supervision=labels,
        seed=0,
        device=CPU,
        anchors=anchors.reshape(2, -1, 3),
    ).model


def codes_of(model, features):
    with torch.no_grad():
        return model.posterior(model.inputs(torch.from_numpy(features))).mean.numpy()


def fit(model):
    features, images, _ = made_pairs(seed=5)
    anchors = make_anchors(images, bind((SIZE, ANGLE), angles=True))
    codes = codes_of(model.eval(), features.reshape(-1, 12))
    return [np.corrcoef(codes[:, k], anchors[:, k])[0, 1] for k in range(3)]


def test_named_dimensions_follow_new_images(trained):
    assert min(fit(trained)) > 0.95


def test_replay_keeps_what_finetuning_loses(trained):
    """The target's images say nothing of the settings."""
    rng = np.random.default_rng(3)
    target = (rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    features, images, _ = made_pairs()
    anchors = make_anchors(images, bind((SIZE, ANGLE), angles=True))
    replay = Replay(features.reshape(-1, 12), anchors)
    options = Finetuning(epochs=20, batch_size=32, learning_rate=3e-3)
    same = {"objective": Anchored(), "seed": 0, "device": CPU}
    plain = finetune(trained, target, options=options, **same).model
    kept = finetune(
        *(trained, target),
        options=options.model_copy(update={"replay": 64}),
        replay=replay,
        **same,
    ).model
    assert min(fit(kept)) > 0.9
    assert min(fit(kept)) > min(fit(plain)) + 0.1


def test_replay_needs_images(trained):
    options = Finetuning(epochs=1, replay=8)
    with pytest.raises(ValueError, match="nothing to replay"):
        finetune(
            *(trained, np.zeros((10, 12), np.float32)),
            options=options,
            **{"objective": Anchored(), "seed": 0, "device": CPU},
        )
