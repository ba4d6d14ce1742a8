"""Complex arithmetic on pairs of real tensors: inference engines have no complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDING = 1e-12  # of a sine


@dataclass(frozen=True)
class Complex:
    """Real and imaginary part, of equal shape. Operators broadcast as torch's do."""

    re: Tensor
    im: Tensor

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: Complex) -> Complex:
        return Complex(
            self.re * other.re - self.im * other.im,
            self.re * other.im + self.im * other.re,
        )

    def conj(self) -> Complex:
        """The conjugate."""
        return Complex(self.re, -self.im)

    def scaled(self, factor: Tensor) -> Complex:
        """Multiplied by a real tensor."""
        return Complex(self.re * factor, self.im * factor)

    def sum(self, dim: int) -> Complex:
        """Sum over an axis."""
        return Complex(self.re.sum(dim), self.im.sum(dim))

    def map(self, function: Callable[[Tensor], Tensor]) -> Complex:
        """A real linear function of both parts."""
        return Complex(function(self.re), function(self.im))

    @property
    def at(self) -> _At:
        """`pair.at[...]` indexes both parts."""
        return _At(self)

    @staticmethod
    def cat(pairs: list[Complex], dim: int) -> Complex:
        """torch.cat of both parts."""
        return Complex(torch.cat([p.re for p in pairs], dim), torch.cat([p.im for p in pairs], dim))

    @staticmethod
    def stack(pairs: list[Complex], dim: int) -> Complex:
        """torch.stack of both parts."""
        return Complex(torch.stack([p.re for p in pairs], dim), torch.stack([p.im for p in pairs], dim))


@dataclass(frozen=True)
class _At:
    pair: Complex

    def __getitem__(self, index: object) -> Complex:
        return Complex(self.pair.re[index], self.pair.im[index])


def as_real(matrix: Tensor) -> Tensor:
    """complex [from, to] -> float [from, 2, 2, to]: what re and im of an input add to those of an output."""
    of_re = torch.stack([matrix.real, matrix.imag], 1)
    of_im = torch.stack([-matrix.imag, matrix.real], 1)
    return torch.stack([of_re, of_im], 1)


def dft(size: int) -> Tensor:
    """The unitary DFT: complex128 [size, size], with zeros where they are, which no FFT library promises.

    It becomes a constant of exported graphs, whose bytes name a bundle.
    """
    place = torch.arange(size)
    turn = (torch.outer(place, place) % size).double() / size
    angle = -2 * torch.pi * turn
    parts = (part.where(part.abs() > ROUNDING, 0.0) for part in (angle.cos(), angle.sin()))
    return torch.complex(*parts) / size**0.5


def inverse_dft(size: int) -> Tensor:
    """The unitary inverse DFT as real numbers: float64 [from, 2, 2, to], as :func:`as_real`.

    A product with it is the same in every engine, where an FFT operator may be missing.
    """
    return as_real(dft(size).conj())
