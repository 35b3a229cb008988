"""Colours channel by channel are those of NumPy and scikit-image, to the bit."""

import numpy as np
import pytest
from skimage.color import rgb2hsv

from fovscope.images.colour import brightest, hue_saturation_value


@pytest.fixture(params=[np.float32, np.float64])
def pixels(request):
    """Colours; some are grey, black, white, or have two channels that are largest or smallest."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 5)] * 3), axis=-1).reshape(-1, 3)
    drawn = np.random.default_rng(0).random((2_000, 3))
    return np.concatenate([grid, drawn]).astype(request.param)


def test_hue_saturation_and_value_are_those_of_scikit_image(pixels):
    found = np.stack(hue_saturation_value(pixels), axis=1)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, rgb2hsv(pixels[np.newaxis])[0])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_brightest_channel_is_the_maximum(pixels, channels):
    image = pixels[:2_000, :channels].reshape(40, 50, channels)
    assert np.array_equal(brightest(image), image.max(axis=-1))
