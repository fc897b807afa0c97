"""Devices by name."""

import pytest
import torch

from decoct.errors import ConfigError
from decoct.training.device import autocast, choose_device, has_fast_bf16


def test_cpu_and_auto():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["toaster", "", "cuda:77", "cpu:cpu", "meta"])
def test_a_device_that_is_not_there_is_an_error_in_one_line(name):
    with pytest.raises(ConfigError, match="try --device auto") as caught:
        choose_device(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bf16", [False, True])
def test_autocast(bf16):
    with autocast(torch.device("cpu"), bf16):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if bf16 else torch.float32)
    assert isinstance(has_fast_bf16(torch.device("cpu")), bool)
