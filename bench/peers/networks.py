"""One row of the benchmark in PyTorch or OpenVINO, with random weights. The last line is JSON."""

import argparse
import json
import time

import torch
from torch import nn


def step_of(peer, model, inputs):
    """A function that runs the network once."""
    if peer == "torch":
        model = model.eval().to(memory_format=torch.channels_last)
        return lambda: model(*inputs)
    import openvino

    compiled = openvino.compile_model(openvino.convert_model(model.eval(), example_input=inputs), "CPU")
    arrays = [tensor.numpy() for tensor in inputs]
    return lambda: compiled(arrays)


class Call(nn.Module):
    """A network of diffusers as one that takes and gives plain tensors."""

    def __init__(self, network, call):
        super().__init__()
        self.network, self.call = network, call

    def forward(self, *inputs):
        return self.call(self.network, *inputs)


def unet(cells):
    from diffusers import UNet2DConditionModel

    network = UNet2DConditionModel(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20],
                                   use_linear_projection=True, sample_size=cells)
    model = Call(network, lambda net, x, time, context: net(x, time, context).sample)
    return model, (torch.randn(2, 4, cells, cells), torch.tensor(500), torch.randn(2, 77, 1024))


def autoencoder(decoding):
    from diffusers import AutoencoderKL

    widths = (128, 256, 512, 512)
    network = AutoencoderKL(block_out_channels=widths, layers_per_block=2, latent_channels=4,
                            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
    if decoding:
        return Call(network, lambda net, z: net.decode(z).sample), (torch.randn(1, 4, 64, 64),)
    return Call(network, lambda net, x: net.encode(x).latent_dist.mean), (torch.randn(1, 3, 512, 512),)


class SmallUNet:
    """Forward, backward and AdamW of a UNet of 35 M parameters."""

    def __init__(self):
        from diffusers import UNet2DConditionModel

        self.network = UNet2DConditionModel(
            sample_size=16, block_out_channels=(64, 128, 256, 256), cross_attention_dim=256,
            attention_head_dim=[1, 2, 4, 4], use_linear_projection=True).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        self.x = torch.randn(16, 4, 16, 16).to(memory_format=torch.channels_last)
        self.target, self.context = torch.randn(16, 4, 16, 16), torch.randn(16, 77, 256)

    def __call__(self):
        loss = nn.functional.mse_loss(self.network(self.x, torch.tensor(500), self.context).sample, self.target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["torch", "openvino"])
    parser.add_argument("row")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    training = options.row == "train_step_small"
    if training:
        run = SmallUNet()
    else:
        model, inputs = {"unet_step_64": lambda: unet(64), "unet_step_96": lambda: unet(96),
                         "vae_decode_512": lambda: autoencoder(True),
                         "vae_encode_512": lambda: autoencoder(False)}[options.row]()
        run = step_of(options.peer, model, inputs)
    best = (float("inf"), float("inf"))
    cast = torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16" and not training)
    with torch.set_grad_enabled(training), cast:
        for repeat in range(options.repeats):
            wall, cpu = time.monotonic(), time.process_time()
            run()
            measured = time.monotonic() - wall, time.process_time() - cpu
            if repeat > 0 or options.repeats == 1:
                best = tuple(map(min, best, measured))
    print(json.dumps({"seconds": best[0], "cpu_seconds": best[1]}))


if __name__ == "__main__":
    main()
