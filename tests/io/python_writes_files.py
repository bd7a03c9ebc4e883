"""Writes files with PyTorch, NumPy and safetensors themselves, for python_files_test.cpp to read.

    python_writes_files.py FOLDER

Every tensor named w is arange(6).view(2, 3). Ends with code 77 when this Python lacks one of the packages.
"""

import functools
import pathlib
import sys
import types

try:
    import numpy
    import safetensors.torch
    import torch
except Exception as error:  # a broken installation raises OSError
    print(f"this Python lacks a package: {error}")
    sys.exit(77)

folder = pathlib.Path(sys.argv[1])
w = torch.arange(6.0).view(2, 3)
layer = torch.nn.Linear(3, 2)
layer.weight.data.copy_(w)
optimiser = torch.optim.Adam(layer.parameters())
layer(torch.ones(1, 3)).sum().backward()
optimiser.step()

for protocol in (2, 3, 4, 5):
    torch.save({"w": w}, folder / f"good_protocol{protocol}.pt", pickle_protocol=protocol)
    torch.save({"w": w}, folder / f"good_legacy{protocol}.pt", pickle_protocol=protocol,
               _use_new_zipfile_serialization=False)
torch.save({"w": torch.nn.Parameter(w)}, folder / "good_parameter.pt")
torch.save({"w": w, "tied": w[1], "grown": torch.ones(1).expand(1000)}, folder / "good_views.pt")
torch.save({"w": w.t()}, folder / "transposed.pt")
torch.save({"w": w, "bytes": b"\x00\xff", "set": {1, 2}, "device": torch.device("cuda:0"), "size": w.size(),
            "dtype": torch.float16, "big": 1 << 80, "adam": optimiser.state_dict()}, folder / "good_mixed.pt")
torch.save({"w": w, "options": types.SimpleNamespace(a=1)}, folder / "good_namespace.pt")
torch.serialization.set_crc32_options(False)
torch.save({"w": w}, folder / "good_nocrc.pt")
torch.serialization.set_crc32_options(True)

layer.weight.data.copy_(w)
torch.save(layer, folder / "network.pt")
torch.save({"w": w.to_sparse()}, folder / "refused_torch._utils._rebuild_sparse_tensor.pt")
torch.save({"w": w.to(torch.uint16)}, folder / "refused_torch.uint16.pt")
torch.save(functools.partial(print), folder / "refused_builtins.print.pt", pickle_protocol=4)

safetensors.torch.save_file({"w": w}, folder / "w.safetensors", metadata={"format": "pt"})
numpy.save(folder / "c.npy", w.numpy())
numpy.save(folder / "f.npy", numpy.asfortranarray(w.numpy()))
numpy.save(folder / "big.npy", w.numpy().astype(">f4"))
numpy.save(folder / "object.npy", numpy.array([{}], dtype=object), allow_pickle=True)
