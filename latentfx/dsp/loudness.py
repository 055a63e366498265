"""How loud a frequency counts: the K-weighting of ITU-R BS.1770, by which integrated loudness is measured."""

from torch import Tensor

__all__ = ["k_weight"]

SHELF_HZ, SHELF_Q = 1681.974450955533, 0.7071752369554196
SHELF_HIGH, SHELF_BAND = 1.584864701130855, 1.258720930232562
LOW_HZ = 38.13547087602444


def k_weight(
    frequency: Tensor,
    shelf_hz: float = SHELF_HZ,
    shelf_q: float = SHELF_Q,
    shelf_high: float = SHELF_HIGH,
    shelf_band: float = SHELF_BAND,
    low_hz: float = LOW_HZ,
) -> Tensor:
    """Factor by which the power of a frequency counts.

    Args:
        frequency: Hz.
        shelf_hz, shelf_q, shelf_high, shelf_band: of the shelf, whose high end counts for 4 dB more.
        low_hz: corner of the high-pass.
    Shape:
        [...] -> [...]
    Source: ITU-R BS.1770-4, its two filters as they are before they are made digital.
    """
    power = frequency * frequency
    shelf = power * (1.0 / (shelf_hz * shelf_hz))
    low = power / (power + low_hz * low_hz)
    band = shelf * (1.0 / (shelf_q * shelf_q))
    one = 1.0 - shelf
    high = 1.0 - shelf_high * shelf
    return low * low * (high * high + shelf_band * shelf_band * band) / (one * one + band)
