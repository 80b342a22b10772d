import pytest

from tlcompare.errors import StrategyError
from tlcompare.freezing.strategy import make_plan


@pytest.mark.parametrize(
    ("backbone", "unfreeze", "count"),
    [
        ("mobilenet", "0", 5_125),
        ("mobilenet", "30", 2_400_773),
        ("mobilenet", "50", 3_077_893),
        ("resnet50", "0", 10_245),
        ("resnet50", "conv5", 14_974_981),
        ("resnet50", "conv4+conv5", 22_073_349),
        ("resnet50", "20", 8_935_429),
    ],
)
def test_the_counts_of_the_report_with_five_classes(layer_list, backbone, unfreeze, count):
    assert make_plan(layer_list(backbone), unfreeze, 5).trainable_parameters == count


@pytest.mark.parametrize(
    ("unfreeze", "family", "layers", "weights"),
    [
        ("frozen", "frozen", 0, 0),
        ("all", "all", 86, 3_206_976),
        ("86", "last", 86, 3_206_976),
        ("100%", "share", 86, 3_206_976),
        ("35%", "share", 30, 2_400_773 - 5_125),
        ("block13", "blocks", 6, 1_061_888),
        ("block12+block13", "blocks", 13, 1_061_888 + 531_968),
        ("block12-block13", "blocks", 13, 1_061_888 + 531_968),
        ("stem + block13", "blocks", 9, 1_061_888 + 928),
        ("first:4", "first", 4, 928),
        ("bn", "bn", 27, 21_888),
        ("bias", "bias", 27, 10_944),
        ("re:block1\\..*", "pattern", 6, 288 + 64 + 2048 + 128),
        ("re:block1[23]\\.pw_conv", "pattern", 2, 524_288 + 1_048_576),
        ("first:4+re:block1\\..+", "mixed", 10, 928 + 2_528),
        ("bn+bias", "mixed", 27, 21_888),
    ],
)
def test_every_term_of_the_grammar(layer_list, unfreeze, family, layers, weights):
    plan = make_plan(layer_list("mobilenet"), unfreeze, 5)
    assert (plan.family, len(plan.layers), plan.backbone_parameters) == (family, layers, weights)
    assert plan.total_parameters == 3_206_976 + 5_125


def test_a_block_is_not_matched_by_its_prefix(layer_list):
    assert make_plan(layer_list("mobilenet"), "block1", 5).blocks == ("block1",)


@pytest.mark.parametrize(
    ("unfreeze", "said"),
    [
        ("1", 'nothing would train. The nearest that trains something is "2"'),
        ("1%", "nothing would train"),
        ("first:1", 'nothing would train. The nearest that trains something is "first:2"'),
        ("87", "asks for 87 layers, mobilenet has 86"),
        ("first:0", "matches no layer"),
        ("0%", "more than 0%"),
        ("101%", "at most 100%"),
        ("block14", 'Did you mean "block4"'),
        ("blok13", 'Did you mean "block13"'),
        ("frozn", 'Did you mean "frozen"'),
        ("block13-block12", 'Write "block12-block13"'),
        ("block12+", "empty term"),
        ("block12+frozen", "cannot be combined"),
        ("re:conv", "must match a whole name"),
        ("re:(", "not a regular expression"),
        ("re:.*relu", "only layers without weights"),
        ("-5", '"-5" is no number of layers'),
        ("5.5", "is no number of layers. Give a whole number from 1 to 86"),
        ("first:", "is no number of layers"),
        ("BN", 'Did you mean "bn"'),
    ],
)
def test_what_trains_nothing_is_refused(layer_list, unfreeze, said):
    with pytest.raises(StrategyError) as error:
        make_plan(layer_list("mobilenet"), unfreeze, 5)
    assert said in str(error.value)


def test_trained_weights_of_each_layer(layer_list):
    plan = make_plan(layer_list("mobilenet"), "bias", 5)
    assert sum(plan.trained_in(x) for x in plan.layers) == plan.backbone_parameters == 10_944


def test_a_plan_as_json(layer_list):
    shown = make_plan(layer_list("resnet50"), "conv5", 5).to_dict()
    assert list(shown) == [
        "backbone",
        "unfreeze",
        "layers",
        "blocks",
        "trainable_layers",
        "trainable_parameters",
        "total_parameters",
        "cut",
    ]
    assert shown["trainable_layers"] == len(shown["layers"]) == 32
    assert shown["blocks"] == ["conv5"]
    assert shown["cut"]["after"] == "layer3.5.relu_2"


def keras_counts(application, **arguments):
    """Weights that would train with the last N layers unfrozen, for every N; without biases of convolutions."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    network = getattr(keras.applications, application)(weights=None, include_top=False, input_shape=(64, 64, 3))
    counts = [0]
    for layer in reversed(network.layers):
        weights = [
            w for w in layer.trainable_weights if not (w.name == "bias" and isinstance(layer, keras.layers.Conv2D))
        ]
        counts.append(counts[-1] + sum(int(w.value.numel()) for w in weights))
    return counts, [layer.name for layer in reversed(network.layers)]


def our_counts(listed):
    counts = [0]
    for layer in reversed(listed.layers):
        counts.append(counts[-1] + layer.weights)
    return counts


@pytest.mark.slow
def test_mobilenet_counts_as_keras_does(layer_list):
    theirs, _ = keras_counts("MobileNet")
    ours = our_counts(layer_list("mobilenet"))
    assert len(theirs) == len(ours) == 87
    assert ours[:86] == theirs[:86]
    for n in range(2, 86):
        if ours[n]:
            assert make_plan(layer_list("mobilenet"), str(n), 5).trainable_parameters == theirs[n] + 5_125


@pytest.mark.slow
def test_resnet50_counts_as_keras_does(layer_list):
    theirs, names = keras_counts("ResNet50")
    ours = our_counts(layer_list("resnet50"))
    assert len(theirs) == 176
    # In a stage's first block, Keras lists the shortcut's convolution and norm among the main path's last two layers.
    closing = {
        n
        for n in range(1, 169)
        if names[n - 1].endswith(("block1_0_conv", "block1_0_bn", "block1_3_conv", "block1_3_bn"))
    }
    within = {n for n in closing if n + 1 in closing}
    assert (len(closing), len(within)) == (16, 12)
    different = {n for n in range(169) if ours[n] != theirs[n]}
    assert different
    assert different <= within


@pytest.mark.parametrize(
    ("backbone", "unfreeze", "layers", "blocks"),
    [
        ("resnet50", "conv5.2", 10, ("conv5",)),
        ("resnet50", "conv4.5-conv5", 42, ("conv4", "conv5")),
        ("resnet50", "conv4.4-conv5.0", 32, ("conv4", "conv5")),
        ("resnet50", "conv3+conv5.1", 52, ("conv3", "conv5")),
        ("efficientnet_lite0", "block6.3-top", 20, ("block6", "block7", "top")),
        ("timm:convnext_atto", "stages.2.5-stages.3", 23, ("stages.2", "stages.3")),
    ],
)
def test_blocks_inside_stages_have_names_too(layer_list, backbone, unfreeze, layers, blocks):
    plan = make_plan(layer_list(backbone), unfreeze, 5)
    assert (len(plan.layers), plan.blocks) == (layers, blocks)


def test_a_stage_is_its_blocks(layer_list):
    listed = layer_list("resnet50")
    assert len(listed.inner_blocks) == 1 + 3 + 4 + 6 + 3
    assert make_plan(listed, "conv4.0-conv4.5", 5).essence == make_plan(listed, "conv4", 5).essence
    with pytest.raises(StrategyError, match=r'Did you mean "conv4.5"'):
        make_plan(listed, "conv4.55", 5)


def test_norm_free_networks_have_no_norms(layer_list):
    with pytest.raises(StrategyError, match='"bn" matches no layer'):
        make_plan(layer_list("timm:nf_resnet26"), "bn", 5)
