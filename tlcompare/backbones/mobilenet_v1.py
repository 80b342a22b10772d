"""MobileNet V1 (Howard et al., arXiv 1704.04861), one module per layer, in the order Keras lists them."""

from collections import OrderedDict

from torch import Tensor, nn

# Output channels and stride of the 13 depthwise-separable blocks.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


class MobileNetV1(nn.Module):
    """Width 1.0, without a classifier: images (N, 3, H, W) to feature maps (N, 1024, H/32, W/32).

    Blocks of stride 2 pad by one pixel on each side in a layer of their own. The function is that of timm's
    `mobilenetv1_100`, whose ImageNet weights fit in forward order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False),
                bn=nn.BatchNorm2d(32),
                relu=nn.ReLU6(),
            )
        )
        channels = 32
        for number, (width, stride) in enumerate(BLOCKS, start=1):
            self.add_module(f"block{number}", _block(channels, width, stride))
            channels = width

    def forward(self, x: Tensor) -> Tensor:
        for part in self.children():
            x = part(x)
        return x


def _block(channels: int, width: int, stride: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if stride == 2:
        layers["pad"] = nn.ZeroPad2d(1)
    layers["dw_conv"] = nn.Conv2d(
        channels, channels, 3, stride, padding=0 if stride == 2 else 1, groups=channels, bias=False
    )
    layers["dw_bn"] = nn.BatchNorm2d(channels)
    layers["dw_relu"] = nn.ReLU6()
    layers["pw_conv"] = nn.Conv2d(channels, width, 1, bias=False)
    layers["pw_bn"] = nn.BatchNorm2d(width)
    layers["pw_relu"] = nn.ReLU6()
    return nn.Sequential(layers)
