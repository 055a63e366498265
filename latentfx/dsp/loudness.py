"""How loud a frequency counts: the K-weighting of ITU-R BS.1770, by which integrated loudness is measured."""

from torch import Tensor

__all__ = ["k_weight"]

SHELF_HZ, SHELF_Q = 1681.974450955533, 0.7071752369554196
SHELF_HIGH, SHELF_BAND = 1.584864701130855, 1.258720930232562
LOW_HZ = 38.13547087602444


def k_weight(frequency: Tensor) -> Tensor:
    """Factor by which the power of a frequency counts.

    Args:
        frequency: Hz.
    Shape:
        [...] -> [...]
    Source: ITU-R BS.1770-4, its two filters as they are before they are made digital.
    """
    power = frequency * frequency
    shelf = power * (1.0 / SHELF_HZ**2)
    low = power / (power + LOW_HZ**2)
    band = shelf * (1.0 / SHELF_Q**2)
    one = 1.0 - shelf
    high = 1.0 - SHELF_HIGH * shelf
    return low * low * (high * high + SHELF_BAND**2 * band) / (one * one + band)
