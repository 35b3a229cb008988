"""do(property = value) on a real image: the object is set, what lies around it stays.

The object is lifted from the picture with what it casts around itself, mapped once (size, form,
direction and place in one affine map), painted, and laid over the picture without the object,
across a soft edge. All of this happens on the pixels of the picture itself, before it is brought
to the canvas that a network sees: an edited image goes the same way as a natural one, and with
the object's own values it is the natural one. What resampling takes away is given back: a mapped
object is as sharp and as noisy as the picture was, as far as that can be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

from fovscope.generators.base import Drawing
from fovscope.images.channels import rgb_view
from fovscope.images.read import Interpolation, resized, size_mismatch, square_canvas
from fovscope.interpret.handcrafted import CANVAS
from fovscope.interpret.segmentation import SMALLEST
from fovscope.interventions.background import Backdrop, Background, rebuild_background
from fovscope.interventions.factors import FACTORS
from fovscope.interventions.paint import (
    Detail,
    EditError,
    hue_of,
    intensity_of,
    set_hue,
    set_intensity,
    set_texture,
)
from fovscope.interventions.placement import Pose, extent, linear_map, pose_of

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

DETAIL = 3.0
"""SD of the Gaussian that separates detail (Texture), pixels of the canvas of 224."""

_HALO = 0.02  # width of what belongs to an object outside of its mask, share of the side
_FEATHER = 2  # pixels over which the object layer fades into the picture
_MARGIN = 1.0  # pixels that an object keeps from the border, unless it was nearer already
_BLUR = 0.6  # SD in pixels of the blur that a picture is assumed to have
_SHARPEST = 1.0  # largest gain of a frequency when an enlarged object is sharpened


@dataclass(frozen=True, eq=False)
class Subject:
    """A real image and its object. What edits of it have in common is worked out once.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        RGB or other channels at native resolution. All channels are mapped alike.
    mask : ndarray of bool, shape (height, width)
        The object.
    size : int
        Side in pixels of the canvas that a network sees, and of edited images. Lengths are given in
        pixels of the canvas of 224 all the same.
    background : int, optional
        Grey value (0-255) of the padding to a square, as `images.read.load_for_network` adds it;
        by default the background of the picture goes on to the border of the canvas.

    Raises
    ------
    EditError
        If the two differ in size, or the object is too small to be measured.
    """

    image: NDArray[np.uint8]
    mask: Mask
    size: int = CANVAS
    background: int | None = None

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.mask.shape:
            raise EditError(size_mismatch(self.image.shape, self.mask.shape))
        if self.mask.sum() < SMALLEST:
            raise EditError(f"the object has {self.mask.sum()} pixels; {SMALLEST} are needed")

    @cached_property
    def _scene(self) -> _Scene:
        return _Scene.of(self.image, self.mask, self.size, self.background or 0)

    @cached_property
    def _measured(self) -> _Scene:
        """The scene by which settings are judged: that of the canvas on which all is measured."""
        return self._scene if self.size == CANVAS else Reach(self.mask)._scene

    @cached_property
    def _surroundings(self) -> Background:
        return rebuild_background(self._scene.image, self._scene.hole, self._scene.known)


def own_settings(subject: Subject) -> dict[str, float]:
    """Return the value of each factor that an image has by itself.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    dict of str to float
        By name, as in `FACTORS`; Hue is NaN for a grey object. Hue and Intensity are those of the
        RGB view.
    """
    scene = subject._scene
    pose = scene.pose
    pixels = rgb_view(scene.image)[scene.mask]
    return {
        "Size": pose.diameter * scene.unit,
        "Elongation": pose.elongation,
        "Orientation": pose.orientation,
        "Hue": hue_of(pixels),
        "Intensity": intensity_of(pixels),
        "Texture": Detail(scene.mask, DETAIL / scene.unit).contrast(scene.image),
        "PosX": pose.centre[0] / scene.side,
        "PosY": pose.centre[1] / scene.side,
    }


def edit(
    subject: Subject,
    settings: Mapping[str, float],
    *,
    rng: np.random.Generator,
    interpolation: Interpolation = "bicubic",
) -> Drawing:
    """Set properties of the object of an image.

    Parameters
    ----------
    subject : Subject
        The image and its object.
    settings : mapping
        Value by name, as in `FACTORS`. What is not named keeps its own value, the position as
        far as the object then stays inside the canvas.
    rng : Generator
        For the noise on what is rebuilt.
    interpolation : {"bicubic", "bilinear", "lanczos", "nearest"}
        Of the last step, in which natural images are brought to that size, too.

    Returns
    -------
    Drawing
        Image (size, size, channels) and the mask of the object on it.

    Raises
    ------
    EditError
        If a name is unknown, or the object cannot have a value: it would not fit into the
        canvas of 224, has no hue, or no detail. Nothing is clamped in silence. An object that fits
        there is drawn on any canvas, though on a coarse one its outline may end at the border.
    """
    _require_settings(settings)
    scene, size, background = subject._scene, subject.size, subject.background
    own = scene.pose
    wanted = _wanted_pose(subject._measured, settings)
    if scene is not subject._measured:
        wanted = _wanted_pose(scene, settings, strict=False)
    move = _Move(linear_map(own, wanted), own.centre, wanted.centre)
    backdrop = subject._surroundings.with_noise(rng)
    known = scene.known[..., np.newaxis]
    if background is None:
        scene = replace(scene, image=np.where(known, scene.image, backdrop.image))
    else:
        backdrop = replace(backdrop, image=np.where(known, backdrop.image, np.float32(background)))
    real = scene.known | (background is None)
    edited = _composite(scene, move, real, backdrop, settings)
    picture = np.rint(np.clip(edited, 0, 255)).astype(np.uint8)
    shown = resized(picture, size, interpolation)
    return Drawing(shown, _mapped_mask(scene, move, size).astype(np.uint8))


@dataclass(frozen=True, eq=False)
class Reach:
    """What size, form, direction and place the object of a mask can have, without its image.

    Attributes
    ----------
    mask : ndarray of bool, shape (height, width)
        The object at native resolution.
    """

    mask: Mask

    @cached_property
    def _scene(self) -> _Scene:
        blank = np.zeros((*self.mask.shape, 3), np.uint8)
        return Subject(blank, self.mask)._scene

    def holds(self, settings: Mapping[str, float]) -> bool:
        """Whether `edit` can set these values as far as the canvas has room for the object."""
        try:
            _wanted_pose(self._scene, settings)
        except EditError:
            return False
        return True


# The picture ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Scene:
    """A picture on its square, at its own resolution unless that is finer than the canvas."""

    image: Pixels
    mask: Mask
    known: Mask
    unit: float  # pixels of the canvas of 224 per pixel

    @classmethod
    def of(cls, image: NDArray[np.uint8], mask: Mask, size: int, background: int) -> _Scene:
        canvas = square_canvas(image, background)
        mask, known = (
            square_canvas(np.broadcast_to(plane[..., np.newaxis], image.shape), 0)[..., 0]
            for plane in (mask, np.ones_like(mask))
        )
        if len(canvas) > size:
            shape = size, size
            canvas = resized(canvas, size, "bicubic")
            mask, known = (
                np.asarray(Image.fromarray(255 * plane).resize(shape, Image.Resampling.BOX)) > 127
                for plane in (mask, known)
            )
        return cls(canvas.astype(np.float32), mask > 0, known > 0, CANVAS / len(canvas))

    @property
    def side(self) -> int:
        return len(self.mask)

    @cached_property
    def pose(self) -> Pose:
        return pose_of(self.mask)

    @property
    def halo(self) -> int:
        """Width in pixels of what belongs to the object outside of its mask."""
        return max(2, round(_HALO * self.side))

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns that the object layer needs; they may lie outside of the square."""
        reach = self.halo + _FEATHER + 3
        return tuple(
            slice(int(places[0]) - reach, int(places[-1]) + 1 + reach)
            for places in (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        )

    @cached_property
    def distance(self) -> Pixels:
        """Distance of the pixels in the box from the object."""
        return ndimage.distance_transform_edt(~self.cut(self.mask, 0)).astype(np.float32)

    @cached_property
    def hole(self) -> Mask:
        hole = np.zeros_like(self.mask)
        inside, rows, columns = self._overlap()
        hole[rows, columns] = (self.distance <= self.halo)[inside]
        return hole

    def cut(self, plane: NDArray, outside: float | None = None) -> NDArray:
        """Return the box of a plane or an image, continued beyond the square or with a value."""
        inside, rows, columns = self._overlap()
        before = [inside[axis].start for axis in (0, 1)]
        after = [
            (box.stop - box.start) - part.stop for box, part in zip(self.box, inside, strict=True)
        ]
        pad = [*zip(before, after, strict=True), (0, 0)][: plane.ndim]
        if outside is None:
            return np.pad(plane[rows, columns], pad, mode="edge")
        return np.pad(plane[rows, columns], pad, constant_values=outside)

    def _overlap(self) -> tuple[tuple[slice, slice], slice, slice]:
        """Return where box and square meet: in the box, and as rows and columns of the square."""
        meet = [slice(max(part.start, 0), min(part.stop, self.side)) for part in self.box]
        inside = tuple(
            slice(part.start - box.start, part.stop - box.start)
            for part, box in zip(meet, self.box, strict=True)
        )
        return inside, meet[0], meet[1]


# Form and place ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Move:
    """The affine map x → linear (x − before) + after of points (x, y), y downwards."""

    linear: NDArray[np.float64]
    before: tuple[float, float]
    after: tuple[float, float]

    @cached_property
    def back(self) -> NDArray[np.float64]:
        return np.linalg.inv(self.linear)

    def coefficients(
        self, source: tuple[int, int], target: tuple[int, int], step: float = 1.0
    ) -> tuple[float, ...]:
        """Return what `Image.transform` needs: the map from target to source points.

        Parameters
        ----------
        source, target : (int, int)
            x and y of the first pixel of the two images, on the square.
        step : float
            Pixels of the square per pixel of the target.
        """
        shift = self.back @ (np.array(target) - self.after) + self.before - np.array(source)
        (a, b), (d, e) = step * self.back
        return a, b, shift[0], d, e, shift[1]


def _require_settings(settings: Mapping[str, float]) -> None:
    names = [factor.name for factor in FACTORS]
    for name, value in settings.items():
        if name not in names:
            raise EditError(f"{name} cannot be set; what can be set: {', '.join(names)}")
        if not np.isfinite(value):
            raise EditError(f"{name} cannot be set to {value}")
    if settings.get("Size", 1) <= 0:
        raise EditError(f"Size {settings['Size']:g} is not above 0")
    if settings.get("Elongation", 1) < 1:
        raise EditError(f"Elongation {settings['Elongation']:g} is below 1, that of a disc")


def _wanted_pose(scene: _Scene, settings: Mapping[str, float], *, strict: bool = True) -> Pose:
    """Return the pose that settings ask for; a position that is not set may be moved inwards.

    Strictly, an object that would not lie inside the canvas is an `EditError`.
    """
    own = scene.pose
    wanted = Pose(
        diameter=settings["Size"] / scene.unit if "Size" in settings else own.diameter,
        elongation=settings.get("Elongation", own.elongation),
        orientation=settings.get("Orientation", own.orientation),
        centre=own.centre,
    )
    reach = extent(scene.mask, own, linear_map(own, wanted))
    # An object that is nearer to the border than the margin may stay there.
    own_reach = extent(scene.mask, own, np.eye(2)) + own.centre
    lowest = np.minimum(_MARGIN, own_reach[0]) - reach[0]
    highest = np.maximum(scene.side - _MARGIN, own_reach[1]) - reach[1]
    if strict and (lowest > highest + 1e-9).any():
        needed = (reach[1] - reach[0]) * scene.unit
        raise EditError(
            f"the object would be {needed[0]:.0f}×{needed[1]:.0f} pixels of a canvas of {CANVAS} "
            f"with {_shown(settings)}; set a smaller Size or Elongation"
        )
    middle = (lowest + highest) / 2
    centre = np.clip(own.centre, np.minimum(lowest, middle), np.maximum(highest, middle))
    for axis, name in enumerate(("PosX", "PosY")):
        if name in settings:
            centre[axis] = settings[name] * scene.side
            if strict and not lowest[axis] - 1e-9 <= centre[axis] <= highest[axis] + 1e-9:
                raise EditError(
                    f"{name} {settings[name]:g} puts a part of the object off the canvas; with "
                    f"this size and form it can be {lowest[axis] / scene.side:.2f} to "
                    f"{highest[axis] / scene.side:.2f}"
                )
    return replace(wanted, centre=(float(centre[0]), float(centre[1])))


def _shown(settings: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in settings.items())


def _mapped_mask(scene: _Scene, move: _Move, size: int) -> Mask:
    """Return the mask on the canvas: as many pixels as its area is, with a smooth outline."""
    step = scene.side / size
    soft = Image.fromarray(np.pad(scene.mask, 1).astype(np.float32)).transform(
        (size, size),
        Image.Transform.AFFINE,
        move.coefficients((-1, -1), (0, 0), step),
        Image.Resampling.BILINEAR,
    )
    cover = np.asarray(soft)
    count = round(scene.mask.sum() * np.linalg.det(move.linear) / step**2)
    touched = cover[cover > 0]
    level = np.partition(touched, -count)[-count] if count < touched.size else 0.0
    at_least, above = cover >= level, cover > level
    closer = abs(at_least.sum() - count) <= abs(above.sum() - count)
    return at_least if closer and level > 0 else above


# The object layer -------------------------------------------------------------------------


def _composite(
    scene: _Scene, move: _Move, real: Mask, backdrop: Backdrop, settings: Mapping[str, float]
) -> Pixels:
    """Return the picture with the mapped and painted object, on the square of the scene.

    Where the square is not real, but flat padding, nothing is lifted.
    """
    window = np.clip((scene.halo + _FEATHER + 1 - scene.distance) / (_FEATHER + 1), 0, 1)
    window *= scene.cut(real)
    cover = ndimage.gaussian_filter(scene.cut(scene.mask, 0).astype(np.float32), 0.7)
    grain = scene.cut(backdrop.noise).mean(axis=2)
    inside = scene.cut(np.ones_like(scene.mask), 0)
    loudness = grain[inside & (window > 0.5)].var()
    # An object that touches the border of the square ends there: beyond it is background.
    lifted = scene.cut(scene.image - backdrop.illumination, 0)
    stack = np.dstack([lifted, window, cover, grain])
    rows, columns = _landing(scene, move)
    mapped = _mapped(scene, move, stack, (rows, columns))
    colours, window, cover = mapped[..., :-3], mapped[..., -3], mapped[..., -2]
    window, cover = np.clip(window, 0, 1), np.clip(cover, 0, 1)
    mask = cover > 0.5
    illumination = backdrop.illumination[rows, columns]
    noise = np.roll(backdrop.noise, scene.side // 2, axis=(0, 1))[rows, columns]
    kept = mapped[..., -1][window > 0.5].var() / loudness if loudness > 0 else 1.0
    layer = colours + illumination + np.sqrt(max(0.0, 1 - kept)) * noise
    fresh = backdrop.noise[rows, columns]
    if "Texture" in settings:
        fine = Detail(mask, DETAIL / scene.unit)
        layer = set_texture(layer, fine, cover, settings["Texture"], noise=fresh)
    if "Hue" in settings:
        layer = set_hue(layer, mask, cover, settings["Hue"])
    if "Intensity" in settings:
        layer = set_intensity(layer, mask, cover, settings["Intensity"])
    result = backdrop.image.copy()
    result[rows, columns] += window[..., np.newaxis] * (layer - result[rows, columns])
    return result


def _landing(scene: _Scene, move: _Move) -> tuple[slice, slice]:
    """Return the rows and columns of the square on which the object layer comes to lie."""
    (top, bottom), (left, right) = ((part.start, part.stop) for part in scene.box)
    corners = np.array([[left, left, right, right], [top, bottom, top, bottom]], float)
    mapped = move.linear @ (corners.T - move.before).T + np.array(move.after)[:, np.newaxis]
    low = np.clip(np.floor(mapped.min(axis=1)), 0, scene.side).astype(int)
    high = np.clip(np.ceil(mapped.max(axis=1)), 0, scene.side).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _mapped(
    scene: _Scene, move: _Move, stack: Pixels, landing: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Map planes of the box onto the square, all with one resampling."""
    rows, columns = landing
    source = scene.box[1].start, scene.box[0].start
    coefficients = move.coefficients(source, (columns.start, rows.start))
    shape = columns.stop - columns.start, rows.stop - rows.start
    ready = _as_sharp(stack, move.linear)
    return np.dstack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(plane)).transform(
                    shape, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
                )
            )
            for plane in np.moveaxis(ready, 2, 0)
        ]
    )


def _as_sharp(stack: Pixels, linear: NDArray[np.float64]) -> Pixels:
    """Blur or sharpen planes so that after the map they are as sharp as before it.

    A blur of covariance σ² becomes σ² A Aᵀ. Seen from before the map, σ² (A⁻¹ A⁻ᵀ − 1) is
    missing: a blur along directions that shrink, which also keeps detail from folding back
    (Heckbert, 1989, "Fundamentals of texture mapping and image warping", section 3.5), and its
    inverse, within bounds, along those that grow.
    """
    back = np.linalg.inv(linear)
    missing = _BLUR**2 * (back @ back.T - np.eye(2))
    if np.abs(missing).max() < 1e-6:
        return stack
    height, width = stack.shape[:2]
    x = 2 * np.pi * fft.rfftfreq(width)[np.newaxis, :]
    y = 2 * np.pi * fft.fftfreq(height)[:, np.newaxis]
    exponent = missing[0, 0] * x**2 + 2 * missing[0, 1] * x * y + missing[1, 1] * y**2
    gain = np.exp(np.minimum(-exponent / 2, np.log(_SHARPEST))).astype(np.float32)
    spectrum = fft.rfft2(stack, axes=(0, 1))
    return fft.irfft2(spectrum * gain[..., np.newaxis], (height, width), axes=(0, 1))
