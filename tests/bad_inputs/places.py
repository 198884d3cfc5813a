"""Folders and files as people write them, and images that are there and yet none of the data set's."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from harness.datasets.patches import Pack
from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, both, written
from tests.bad_inputs.images import FOLDER, GOOD, PACK, noise, saved

CHECK = f"check {EXPERIMENT}"
LEFT = f"photographs: {FOLDER}: left out: "
ADVICE = "move them up, or write pattern: '*/{name}' into the data set's entry"


def edited(old: str, new: str) -> Make:
    """Return what writes the experiment with one piece of text in place of another."""
    assert old in BASE, old
    return written(EXPERIMENT, BASE.replace(old, new).replace("[embedded_test]", "[Set5]"))


def photographs(*names: str) -> Make:
    """Return what puts good photographs into the training folder."""
    return both(*(written(f"{FOLDER}/{name}", GOOD) for name in names))


def _packed(*names: str) -> Make:
    def call(folder: Path) -> None:
        from harness.datasets.patches import pack

        pack("photographs", "data", Path("pack"), jobs=1)
        assert sorted(image.name for image in Pack.open("pack").info.images) == sorted(names)
        print("packed")

    return call


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.fromarray(noise(8, 16)), "JPEG", exif=exif)


def _linked(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "baby.png").write_bytes(GOOD)
    (folder / "mine" / "linked").symlink_to("../elsewhere")
    (folder / "elsewhere" / "back").symlink_to("../mine")


PEOPLES = (
    "Screenshot at 3.04\u202fPM",
    "a\u00a0b",
    "\u5168\u89d2\u3000\u7a7a\u767d",
    "\U0001f469\u200d\U0001f467",
    "a.b",
)

CASES = [
    Case(
        "place-home",
        "`~` in data_root",
        CHECK,
        "before this can run:\n  - Set5: no folder .../no-such-data/benchmarks/Set5; ...",
        edited("scale: 4", "scale: 4\ndata_root: ~/no-such-data"),
    ),
    Case(
        "place-nobody",
        "the home of somebody who is not there",
        CHECK,
        f"{EXPERIMENT}: data_root: '~no_such_user/data': no such home folder; write the whole path",
        edited("scale: 4", "scale: 4\ndata_root: ~no_such_user/data"),
    ),
    Case(
        "place-variable",
        "a variable in data_root",
        CHECK,
        f"{EXPERIMENT}: data_root: '$PATH/data': variables are not replaced here; write the path itself, or ~",
        edited("scale: 4", "scale: 4\ndata_root: $PATH/data"),
    ),
    Case(
        "place-weights",
        "`~` in weights_root",
        CHECK,
        "before this can run:\n  - metric lpips: .../no-such-weights lacks ...",
        written(
            EXPERIMENT,
            BASE.replace("[psnr_rgb]", "[lpips]").replace("scale: 4", "scale: 4\nweights_root: ~/no-such-weights"),
        ),
    ),
    Case(
        "place-model",
        "`~` in the weights of a model from outside",
        CHECK,
        "before this can run:\n  - external mine: weights .../no-such.pth: no such weight file; put it there or correct the path",
        written(EXPERIMENT, BASE + "external: {mine: {weights: ~/no-such.pth, network: srresnet}}\n"),
    ),
    Case(
        "place-own",
        "`~` in the folder of one's own data set",
        f"pack {EXPERIMENT} mine",
        "mine: no folder .../no-such-photographs; put photographs there",
        written("configs/datasets.yaml", "mine: {kind: folder, folder: ~/no-such-photographs, licence: mine}\n"),
    ),
    Case(
        "place-command",
        "`~` in an option of a command",
        "verify Set5 --data-root=~/no-such-data",
        "verify: 1 of 1 checks failed, see above",
    ),
    Case(
        "image-name-blanks",
        "names with blanks of every kind (macOS writes U+202F into those of screenshots), joiners and dots",
        PACK,
        "packed",
        photographs(*(f"{name}.png" for name in PEOPLES)),
        0,
        call=_packed(*PEOPLES),
    ),
    Case(
        "image-name-separator",
        "file name with a line separator (U+2028)",
        PACK,
        rf"photographs: {FOLDER}/a\u2028b.png: the name holds a tab or a line end; rename the file",
        photographs("a\u2028b.png"),
    ),
    Case(
        "left-formats",
        "photographs in formats that are not read, beside others",
        PACK,
        f"{LEFT}3 files (.avif, .heic): save them as PNG or JPEG",
        both(photographs("good.png"), *(written(f"{FOLDER}/{name}", b"") for name in ("a.avif", "b.HEIC", "c.heic"))),
        0,
    ),
    Case(
        "left-folders",
        "photographs in folders below",
        PACK,
        f"{LEFT}2 images in folders below (2023, 2024/may): {ADVICE}",
        photographs("good.png", "2023/a.png", "2024/may/b.jpg"),
        0,
    ),
    Case(
        "left-dots",
        "names that begin with a dot",
        PACK,
        f"{LEFT}2 images whose names begin with a dot (..dots.png, .hidden.png): rename those that are photographs",
        photographs("good.png", "..dots.png", ".hidden.png"),
        0,
    ),
    Case(
        "left-check",
        "the same, before anything starts",
        CHECK,
        f"{LEFT}1 file (.heic): save them as PNG or JPEG",
        both(
            written(EXPERIMENT, BASE.replace("data: embedded_train", "data: photographs")),
            photographs("good.png"),
            written(f"{FOLDER}/a.heic", b""),
        ),
        0,
    ),
    Case(
        "none-formats",
        "nothing but photographs of a telephone",
        PACK,
        f"photographs: no images in {FOLDER}; there are 1 file (.heic): save them as PNG or JPEG",
        written(f"{FOLDER}/IMG_1.HEIC", b""),
    ),
    Case(
        "none-folders",
        "nothing but folders of photographs",
        PACK,
        f"photographs: no images in {FOLDER}; there are 2 images in folders below (2023): {ADVICE}",
        photographs("2023/a.png", "2023/b.png"),
    ),
    Case(
        "image-alpha-said",
        "a photograph with transparent pixels",
        PACK,
        f"{FOLDER}/x.png: has transparent pixels; alpha is dropped and their colours are taken as they are",
        written(f"{FOLDER}/x.png", saved(Image.fromarray(noise(8, 8, 4)), "PNG")),
        0,
    ),
    Case(
        "image-turned-said",
        "a photograph that its EXIF tag turns",
        PACK,
        f"{FOLDER}/x.jpg: its EXIF tag turns it, which is ignored: rows are taken as they lie in the file; save it turned",
        written(f"{FOLDER}/x.jpg", _turned()),
        0,
    ),
    Case(
        "adopt-linked",
        "a folder to adopt whose images lie behind a link, which leads back to it",
        "adopt Set5 mine",
        "Set5: mine: 0 of 5 images recognized by their pixels; 1 are of another size (32 x 32 where baby has 512 x 512) (baby.png); missing: ...",
        _linked,
    ),
    Case(
        "adopt-formats",
        "a folder to adopt with images of formats that are not read",
        "adopt Set5 mine",
        "mine: holds no images (...); there are 1 file (.heic): other formats hold no original",
        written("mine/a.heic", b""),
    ),
]
