"""Loads the checkpoint that torch_checkpoint_python_test.cpp wrote with PyTorch itself and compares every value.

    python_reads_exports.py NET.pt TYPES.pt

Ends with code 0 when everything is equal, 77 when this Python has no PyTorch, anything else is a failure.
"""

import sys

try:
    import torch
except Exception as error:  # a broken installation raises OSError
    print(f"this Python cannot import torch: {error}")
    sys.exit(77)


def expected(index, like):
    """The i-th tensor of the test: i + 0, 1/8, 2/8, ... in the type of the module's own tensor."""
    return (index + torch.arange(like.numel(), dtype=torch.float64) / 8).reshape(like.shape).to(like.dtype)


def check_net(path):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2, bias=False))
    for mmap in (False, True):
        state = torch.load(path, weights_only=True, mmap=mmap)
        assert list(state) == list(net.state_dict()), list(state)
        net.load_state_dict(state, strict=True)
        for index, (key, value) in enumerate(net.state_dict().items()):
            assert torch.equal(value, expected(index, value)), key
            assert state[key].dtype == value.dtype, key


def check_types(path):
    state = torch.load(path, weights_only=True)
    values = torch.tensor([[0, 1, 2.5], [-3, 4, -0.125]], dtype=torch.float64)
    names = dict(Double="float64", Float="float32", Half="float16", BFloat16="bfloat16", Long="int64", Int="int32",
                 Short="int16", Char="int8", Bool="bool")
    for name, dtype in names.items():
        assert state[name].dtype == getattr(torch, dtype), name
        assert torch.equal(state[name], values.to(getattr(torch, dtype))), name
    assert torch.equal(state["Byte"], values.abs().to(torch.uint8))
    assert state["scalar"].shape == () and state["scalar"].item() == -7
    assert state["empty"].shape == (0, 3)
    assert torch.equal(state["layer.transposed"], torch.arange(6.0).view(2, 3).t())


check_net(sys.argv[1])
check_types(sys.argv[2])
print("equal")
