"""Building blocks of the networks. Whatever trains or exports comes through here, hence the one line below."""

from sealkit.nn.mkl import use_avx2

use_avx2()
