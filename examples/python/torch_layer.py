"""A trained map as a layer of a PyTorch model, without a gradient and with one.

    python examples/python/torch_layer.py [--quick]

`TransportLayer` wraps any trained map; no gradient passes it. `rebuild` makes the same network of PyTorch's own layers, so
that gradients pass it and it can be trained further. It reads the state dict that Model.save_state_dict writes, and serves
maps of the kind mlp that were trained without standardisation. Import monge before torch where you train with more than one thread
(docs/troubleshooting.md).
"""

import argparse
import pathlib
import tempfile

import numpy as np
import torch
from torch import nn

import monge

ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "silu": nn.SiLU, "softplus": nn.Softplus, "tanh": nn.Tanh}


class TransportLayer(nn.Module):
    """Applies a trained map. It has no parameters of PyTorch and gives no gradient."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.translate(x)


class Residual(nn.Module):
    """T(x) = x + net(x)."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return x + self.net(x)


def rebuild(model):
    """The map as a module of PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "map.pt"
        model.save_state_dict(path)  # raises InputError for a map that a state dict cannot hold
        state = torch.load(path, weights_only=True)
    recipe = model.recipe
    layers = []
    for i in range(len(state) // 2):  # keys 0.weight, 0.bias, 2.weight, ...: as in a Sequential with activations between
        outputs, inputs = state[f"{2 * i}.weight"].shape
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[recipe["map.activation"]]()]
    net = nn.Sequential(*layers[:-1])
    net.load_state_dict(state)
    return Residual(net) if recipe["map.residual"] else net


def main(arguments=None):
    parser = argparse.ArgumentParser(description="A trained map as a layer of PyTorch.")
    parser.add_argument("--quick", action="store_true", help="fewer iterations")
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    source = rng.normal(size=(5000, 2)).astype(np.float32)
    target = source[::-1] @ np.array([[1.2, 0.4], [0.4, 0.6]], np.float32) + 2  # a shift and a symmetric positive matrix
    run = monge.train(
        {"map": {"width": 32, "residual": True, "zero_last": True},  # the kind of map is mlp, the default
         "potential": {"width": 32, "quadratic": True, "zero_last": True}},
        source, target, progress=False, threads=1, cost__scale="half", train__iterations=300 if options.quick else 1000,
        train__batch=256, train__k_t=3, train__lr_map=3e-3, train__lr_potential=3e-3, train__schedule="cosine",
        train__ema=0.98, eval__every=0)

    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    layer, module = TransportLayer(run.model), rebuild(run.model)
    classifier = nn.Sequential(layer, nn.Linear(2, 1))  # the layer stands where any layer does
    difference = (layer(x) - module(x)).abs().max().item()

    inputs = x[:200].requires_grad_()
    jacobian = torch.func.vmap(torch.func.jacrev(module))(inputs).mean(0).detach()
    results = {
        "outputs": list(classifier(x).shape),
        "difference": difference,
        "gradient of the layer": layer(inputs).requires_grad,
        "gradient of the module": module(inputs).requires_grad,
        "jacobian": jacobian.numpy(),
    }
    print("a model with the layer  outputs", results["outputs"])
    print(f"layer and module        differ by {difference:.1e} at most")
    print("mean Jacobian of T      " + np.array2string(jacobian.numpy(), precision=2).replace("\n", ""))
    print("the optimal map's       [[1.2  0.4] [0.4 0.6]]")
    return results


if __name__ == "__main__":
    main()
