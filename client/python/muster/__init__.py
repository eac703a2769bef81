# SPDX-License-Identifier: Apache-2.0
"""
Activate this machine with the activation host of its organisation, keep it activated, and say what it is.

All of libmuster's muster.h, whose comments are the contract: the class Muster has its functions as methods, and AsyncMuster those
that use the network as coroutines.
"""
from ._async import AsyncMuster
from ._handle import Muster, explain, options, version
from ._records import Explanation, MusterError, Outcome, Product, Refusal, Reset, ResetStep, Status, Step

__all__ = ["AsyncMuster", "Explanation", "Muster", "MusterError", "Outcome", "Product", "Refusal", "Reset", "ResetStep", "Status", "Step",
           "explain", "options", "version"]
