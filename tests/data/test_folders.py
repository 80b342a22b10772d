"""What is taken for classes and parts of the data, what is refused, and what is said."""

import unicodedata

import pytest

from tests.conftest import write_image
from tlcompare.data.folders import list_images
from tlcompare.errors import DataError


@pytest.fixture
def holding(tmp_path):
    """A folder with an image at each of these paths, all different."""

    def make(*paths):
        for number, path in enumerate(paths):
            write_image(tmp_path / "data" / path, seed=number, hue=0, size=(4, 4))
        return tmp_path / "data"

    return make


def divided(*folders):
    return [f"{folder}/{label}/0.png" for folder in folders for label in ("cats", "dogs")]


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val", "test"), {"train", "val", "test"}),
        (("Training", "Testing"), {"train", "test"}),
        (("training_set", "test_set"), {"train", "test"}),
        (("seg_train", "seg_test"), {"train", "test"}),
        (("trainset", "dev", "holdout"), {"train", "val", "test"}),
        (("train-images", "Validation Data", "hold-out"), {"train", "val", "test"}),
        (("TRN", "valid"), {"train", "val"}),
    ],
)
def test_the_usual_names_of_parts_are_known(holding, folders, parts):
    listing = list_images(holding(*divided(*folders)))
    assert {f.part for f in listing.files} == parts
    assert listing.classes == ("cats", "dogs")
    assert listing.notes == ()


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (divided("train", "test1"), r'a folder "test1" beside "train"\. Rename it'),
        (divided("train", "eval"), 'a folder "eval" beside "train"'),
        (divided("train2017", "val2017"), "the folders train2017 and val2017, which seem to be parts"),
        (divided("train2017", "val2017", "extra"), "the folders train2017 and val2017, which seem to be parts"),
        (divided("trainset1", "testset1"), "the folders testset1 and trainset1"),
        (divided("fold1", "fold2", "fold3"), "the folders fold1 and fold2"),
        (["trainA/0.png", "trainB/0.png", "testA/0.png", "testB/0.png"], "testA and testB with images, but no class"),
        (["train/a.png", "test/b.png", "sample/c.png"], "test and train with images, but no class folders"),
        (divided("train", "extra"), '"train", which may be a part of the data, or a class as "extra" may be'),
        (divided("train", "holdout", "test"), 'two folders for test: "holdout" and "test"'),
        (divided("val", "test"), "but no train folder"),
        (["train/a.png", "test/b.png"], "test and train with images, but no class folders"),
        (
            [f"{label}/{part}/0.png" for part in ("train", "test") for label in ("cats", "dogs")],
            "divided below its classes: cats/test and cats/train",
        ),
        (["train/Cat/0.png", "train/dog/0.png", "val/cat/0.png"], 'class "Cat" of train is "cat" in val: they differ'),
        (["train/hot dog/0.png", "train/x/0.png", "val/hot_dog/0.png"], 'class "hot dog" of train is "hot_dog" in val'),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(holding, paths, said):
    with pytest.raises(DataError, match=said):
        list_images(holding(*paths))


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (
            [*divided("train"), "test/0.png", "test/1.png"],
            "warning: the images in test are in no class folder and are not used",
        ),
        ([*divided("train"), "test1/0.png"], "warning: the images in test1 are in no class folder and are not used"),
        (
            divided("train", "val", "extra", "more"),
            "warning: 2 folders (extra, ...), beside the parts, not used",
        ),
        ([*divided("train", "val"), "samples/0.png"], "warning: 1 folder (samples), beside the parts, not used"),
        (
            [*divided("train", "val"), "x.png", "train/y.png"],
            "warning: 2 image files (train/y.png, ...), beside the class folders, not used",
        ),
        (
            ["cats/0.png", "Cats/0.png", "dogs/0.png"],
            'warning: the classes "Cats" and "cats" differ only in case or blanks',
        ),
    ],
)
def test_what_is_not_used_is_said(holding, paths, said):
    assert said in list_images(holding(*paths)).notes


@pytest.mark.parametrize(
    "names",
    [
        ("test tube", "beaker"),
        ("train", "bus"),
        ("dev board", "training shoes", "cable"),
        ("trains", "tests"),
        ("positive_test", "negative_test"),
        ("test-strip", "test-cassette"),
        ("-5", "5"),
        ("1_1", "11"),
        ("recycler", "bin"),
    ],
)
def test_a_class_may_be_called_like_a_part(holding, names):
    listing = list_images(holding(*(f"{name}/{i}.png" for name in names for i in range(2))))
    assert listing.classes == tuple(sorted(names))
    assert {f.part for f in listing.files} == {""}
    assert listing.notes == ()


@pytest.mark.parametrize(
    "name",
    [*"mlruns @eaDir __MACOSX #recycle lost+found $RECYCLE.BIN __pycache__".split(), "System Volume Information"],
)
@pytest.mark.parametrize("place", ["", "cats/", "train/", "train/cats/"])
def test_folders_of_the_system_are_passed_over(holding, name, place):
    paths = divided("train") if place.startswith("train") else ["cats/0.png", "dogs/0.png"]
    listing = list_images(holding(*paths, f"{place}{name}/0.png", f"{place}{name}/cats/1.png"))
    assert [f.path for f in listing.files] == sorted(paths)
    assert listing.classes == ("cats", "dogs")
    assert listing.notes == (f"passed over 1 folder ({place}{name}) that systems make for themselves",)


def test_a_part_within_a_folder_of_its_name_is_found(holding):
    """As Kaggle packs some data sets."""
    listing = list_images(holding(*divided("seg_train/seg_train", "seg_test/seg_test")))
    assert listing.classes == ("cats", "dogs")
    assert {f.part for f in listing.files} == {"train", "test"}
    assert listing.notes[0] == "note: the classes of test are taken from seg_test/seg_test"


def test_class_folders_that_look_like_parts_are_noticed(holding):
    listing = list_images(holding(*divided("morning", "evening")))
    assert listing.classes == ("evening", "morning")
    assert listing.notes == (
        "warning: evening and morning hold folders of the same names, and are taken for a class each",
    )


def test_images_may_have_no_suffix_in_parts_too(holding):
    root = holding(*divided("train", "val"))
    for path in sorted(root.rglob("*.png")):
        path.rename(path.with_suffix(""))
    assert {f.part for f in list_images(root).files} == {"train", "val"}


def test_what_holds_no_images_does_not_matter(holding):
    root = holding(*divided("train", "test"))
    for name in ("training_logs/run1", "eval_results/x", "train2/empty", "annotations"):
        (root / name).mkdir(parents=True)
    listing = list_images(root)
    assert ({f.part for f in listing.files}, listing.notes) == ({"train", "test"}, ())


def test_classes_whose_names_look_the_same_are_the_same(holding):
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    paths = [f"train/{composed}/0.png", "train/x/0.png", f"val/{decomposed}/0.png", "val/x/0.png"]
    listing = list_images(holding(*paths))
    assert listing.classes == (composed, "x")
    assert [listing.classes[f.label] for f in listing.files] == [composed, "x"] * 2
    assert listing.notes == ()
    both = list_images(holding(*paths, f"train/{decomposed}/1.png"))
    assert len(both.classes) == 2
    assert "they are one class" in both.notes[0]


def test_links_to_folders_are_followed_once(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "data" / name / "0.png", seed=ord(name), hue=0)
    write_image(tmp_path / "elsewhere" / "1.png", seed=1, hue=1)
    (tmp_path / "data" / "a" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "elsewhere")
    files = list_images(tmp_path / "data").files
    assert [f.path for f in files] == ["a/0.png", "a/more/1.png", "b/0.png"]
